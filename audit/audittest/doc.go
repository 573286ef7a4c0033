// Package audittest runs a policy over small portals written down as text and compares what it says with what is wanted.
//
// Its one idea: a case is a txtar archive that reads like a story: a comment, the portal's set-up, the deals, the wanted
// words of the policy. Its one rule: it knows no policy.
//
// A case:
//
//	A deal that stays longer than the limit is stale.
//	-- portal.yaml --
//	pipelines: {Sales: [New 10%, Demo 40%, Won=won, Lost=lost]}
//	users: [Ada, Bob (inactive)]
//	settings: {limit: 30d}
//	-- deals.csv --
//	id,   amount, owner, history
//	late, 500,    Ada,   New@-90d;Demo@-40d
//	-- won.csv --
//	repeat, history
//	30,     New@-100d;Demo@-{60+i}d;Won@-50d
//	-- want --
//	judged 1 passed 0 unknown 0
//	high deal late since=2026-11-12T00:00:00Z entered_at=2026-10-13T00:00:00Z limit_days=30
//
// portal.yaml: now (2026-11-22), pipelines (each a list of stages, in order: a name, then if wanted a probability, "rot=14",
// "=won" or "=lost"), users, currency (EUR), zone (UTC), crm (hubspot), loss_reason, closed_stages (true), activity_based,
// users_known (true); settings, severity, mode and off of the policy's check of the whole portal, checks for narrower ones
// (pipeline, stage and the same keys), and others for the checks of the policies that Run is given beside it, by id. The ids
// of pipelines, stages and users are their names. What few policies look at: pipeline_facts by pipeline (created, updated,
// changed, probabilities_off and rules with no_skip, no_back and since), stage_facts by pipeline/stage (created, updated, required, shipped), and
// for the portal company_is_contact, stages_of_deals, rules_available, required_known, shipped_sets, outreach (not known where it is not given), rots,
// close_date_default, one_close_date, probability_step, probability_min, probability_max and probability_unit, each as in crm.Schema:
//
//	pipeline_facts: {Sales: {created: -400d, changed: -90d, rules: {no_skip: true, since: -60d}}}
//	stage_facts: {Sales/Demo: {required: [Amount], shipped: Presentation scheduled}}
//	outreach: {call: 95, email: 5}
//
// Every file whose name ends in .csv is a table of deals, with the columns id, name, pipeline (the first), stage, status,
// amount, currency, owner, company, created, closed, entered_stage, expected_close, touch, buyer, planned, lost_reason,
// lost_text, lost_detail, origin, archived, history and repeat, in any order; and those of what few policies look at: updated,
// modified, type, source, contacts, touches, first_touch, first_meeting, first_mail, next_due, quote_published, quote_expires,
// quote_signed, quote_paid, line_total, editor, closer and dates. A column that is not there is not known; an empty cell is
// known to be empty, but for times that every deal has (created, entered_stage, closed once closed, history, dates, updated,
// modified), where it is not known; "?" is not known in any column. History is "Stage@time;Stage@time", beginning with the
// entry at creation; it also gives stage, created, entered_stage and closed where nothing else does; "Stage@time@import" tells
// who moved it. Dates are the values that the expected close date was given, "date@time;date@time@person", beginning with the
// one at creation, "none" for none; they also give expected_close where nothing else does. Times are 2026-01-10, 2026-01-10
// 15:04, RFC 3339, now, or counted from now: -30d, +12h. A row with repeat 30 makes thirty deals; in its cells {i} is 1 to 30
// and may be calculated with: {2*i+5}. A # begins a line of comment.
//
// An archive may hold several cases: the files of one share a folder. Files outside of any folder then serve every case; a
// case's own portal.yaml changes the keys that it names. "go test -update" writes the want files anew.
package audittest
