// Pipedrive's own client against the sandbox. BASE is the sandbox's Pipedrive address, e.g. http://127.0.0.1:9500/pipedrive.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { v1, v2 } from 'pipedrive'

const base = process.env.BASE
const redirectUri = 'http://localhost:8976/oauth/callback'
const apiKey = 'pat-sandbox'
const two = new v2.Configuration({ apiKey, basePath: `${base}/api/v2` })
const one = new v1.Configuration({ apiKey, basePath: `${base}/api/v1` })

const deals = new v2.DealsApi(two)
const dealsV1 = new v1.DealsApi(one)
const stages = new v2.StagesApi(two)
const pipelines = new v2.PipelinesApi(two)
const fields = new v2.DealFieldsApi(two)
const activities = new v2.ActivitiesApi(two)

async function all(list, params = {}) {
  const out = []
  let cursor
  do {
    const page = await list({ limit: 50, ...params, cursor })
    assert.equal(page.success, true)
    out.push(...page.data)
    cursor = page.additional_data.next_cursor ?? undefined
  } while (cursor)
  return out
}

const firstOpen = async () => (await deals.getDeals({ status: 'open', limit: 1 })).data[0]

test('OAuth helper: code, refresh, revoke', async () => {
  const oauth = new v2.OAuth2Configuration({ clientId: 'sandbox', clientSecret: 'sandbox', redirectUri, host: base })
  const reply = await fetch(oauth.authorizationUrl, { redirect: 'manual' })
  assert.equal(reply.status, 302)
  const code = new URL(reply.headers.get('location')).searchParams.get('code')
  const token = await oauth.authorize(code)
  assert.equal(token.token_type, 'Bearer')
  assert.equal(token.expires_in, 3599)
  assert.equal(token.api_domain, base)
  assert.ok(token.access_token.length >= 768)
  assert.ok(token.scope.split(',').includes('deals:full'))
  assert.equal(oauth.basePath, `${base}/api/v2`)
  const api = new v2.DealsApi(new v2.Configuration({ accessToken: oauth.getAccessToken, basePath: oauth.basePath }))
  assert.equal((await api.getDeals({ limit: 1 })).data.length, 1)
  const again = await oauth.tokenRefresh()
  assert.equal(again.refresh_token, token.refresh_token)
  assert.notEqual(again.access_token, token.access_token)
  await assert.rejects(oauth.authorize(code))
  await oauth.revokeToken('refresh_token')
  await assert.rejects(api.getDeals({ limit: 1 }))
})

test('an unknown token is refused', async () => {
  const api = new v2.DealsApi(new v2.Configuration({ apiKey: 'no-such-token', basePath: `${base}/api/v2` }))
  await assert.rejects(api.getDeals(), (e) => e.success === false && e.errorCode === 401)
})

test('deals to the last page, counted by the summary', async () => {
  const list = await all((p) => deals.getDeals(p), { include_fields: 'last_activity_id,next_activity_id,last_incoming_mail_time' })
  const { data } = await dealsV1.getDealsSummary()
  assert.equal(list.length, data.total_count)
  assert.equal(new Set(list.map((d) => d.id)).size, list.length)
  for (const d of list) {
    assert.equal(typeof d.id, 'number')
    assert.ok(['open', 'won', 'lost'].includes(d.status))
    assert.match(d.add_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.equal(d.won_time !== null, d.status === 'won')
    assert.equal(d.lost_time !== null, d.status === 'lost')
    assert.ok('next_activity_id' in d && 'last_incoming_mail_time' in d)
  }
  const archived = await all((p) => deals.getArchivedDeals(p))
  assert.ok(archived.length > 0 && archived.every((d) => d.is_archived))
  assert.ok(!list.some((d) => archived.some((a) => a.id === d.id)))
})

test('updated_since is inclusive', async () => {
  const page = await deals.getDeals({ sort_by: 'update_time', sort_direction: 'desc', limit: 5 })
  const at = page.data[4].update_time
  const since = await all((p) => deals.getDeals(p), { updated_since: at })
  assert.ok(since.some((d) => d.update_time === at))
  const until = await all((p) => deals.getDeals(p), { updated_until: at })
  assert.ok(until.every((d) => d.update_time < at))
})

test('a deal written: stage, status, reason, dates; what is unknown is refused', async () => {
  const deal = await firstOpen()
  const line = (await stages.getStages({ pipeline_id: deal.pipeline_id })).data
  const other = line.find((s) => s.id !== deal.stage_id)
  const update = async (body) => (await deals.updateDeal({ id: deal.id, UpdateDealRequest: body })).data
  const moved = await update({ stage_id: other.id, expected_close_date: '2030-01-31' })
  assert.equal(moved.stage_id, other.id)
  assert.equal(moved.expected_close_date, '2030-01-31')
  assert.equal(moved.stage_change_time, moved.update_time)
  const lost = await update({ status: 'lost', lost_reason: 'Wrong timing' })
  assert.equal(lost.lost_reason, 'Wrong timing')
  assert.ok(lost.lost_time && lost.local_lost_date)
  const open = await update({ status: 'open' })
  assert.equal(open.lost_reason, null)
  assert.equal(open.lost_time, null)
  await assert.rejects(update({ stage_change_time: '2030-01-31T00:00:00Z' }), (e) => e.code === 'ERR_SCHEMA_VALIDATION_FAILED')
  await assert.rejects(update({ value: '12' }), (e) => e.code === 'ERR_SCHEMA_VALIDATION_FAILED')
  await assert.rejects(update({ owner_id: 12 }), (e) => /User not found/.test(e.error))

  const { data: log } = await dealsV1.getDealChangelog({ id: deal.id })
  const stageMove = log.find((c) => c.field_key === 'stage_id')
  assert.equal(stageMove.old_value, String(deal.stage_id))
  assert.equal(stageMove.new_value, String(other.id))
  const { data: flow } = await dealsV1.getDealUpdates({ id: deal.id, items: 'dealChange' })
  assert.ok(flow.some((f) => f.object === 'dealChange' && f.data.field_key === 'stage_id' && f.data.new_value === String(other.id)))
})

test('archived deals refuse edits; deleted ones are listed as deleted; merges leave one', async () => {
  const made = await deals.addDeal({ AddDealRequest: { title: 'Judged' } })
  const id = made.data.id
  const patch = (body) => deals.updateDeal({ id, UpdateDealRequest: body })
  assert.equal((await patch({ is_archived: true })).data.is_archived, true)
  await assert.rejects(patch({ title: 'x' }))
  await patch({ is_archived: false })
  assert.equal((await patch({ title: 'Judged twice' })).data.title, 'Judged twice')
  const { id: survivor } = await firstOpen()
  await dealsV1.mergeDeals({ id, MergeDealsRequest: { merge_with_id: survivor } })
  const gone = await all((p) => deals.getDeals(p), { status: 'deleted' })
  assert.ok(gone.some((d) => d.id === id && d.is_deleted))
  assert.equal((await deals.getDeal({ id: survivor })).data.is_deleted, false)
})

test('pipelines, stages, rotting', async () => {
  const lines = await all((p) => pipelines.getPipelines(p))
  const list = await all((p) => stages.getStages(p))
  assert.ok(lines.length > 0 && list.every((s) => lines.some((l) => l.id === s.pipeline_id)))
  assert.ok(list.every((s) => s.deal_probability > 0 && s.deal_probability < 100))
  const { data } = await stages.updateStage({ id: list[0].id, UpdateStageRequest: { is_deal_rot_enabled: true, days_to_rotten: 21, deal_probability: 15 } })
  assert.deepEqual([data.is_deal_rot_enabled, data.days_to_rotten, data.deal_probability], [true, 21, 15])
})

test('fields: lost reasons cannot be written, options of custom ones can', async () => {
  const list = await all((p) => fields.getDealFields(p), { include_fields: 'required_fields' })
  const reason = list.find((f) => f.field_code === 'lost_reason')
  assert.equal(reason.field_type, 'varchar_options')
  assert.ok(reason.options.length > 1)
  await assert.rejects(fields.addDealFieldOptions({ field_code: 'lost_reason', AddDealFieldOptionsRequestInner: [{ label: 'New' }] }))
  const custom = list.find((f) => f.is_custom_field && f.field_type === 'enum')
  assert.match(custom.field_code, /^[0-9a-f]{40}$/)
  const { data } = await fields.addDealFieldOptions({ field_code: custom.field_code, AddDealFieldOptionsRequestInner: [{ label: 'Judged' }] })
  assert.deepEqual(data.map((o) => o.label), ['Judged'])
  const { id } = await firstOpen()
  const set = await deals.updateDeal({ id, UpdateDealRequest: { custom_fields: { [custom.field_code]: data[0].id } } })
  assert.equal(set.data.custom_fields[custom.field_code], data[0].id)
  const cleared = await deals.updateDeal({ id, UpdateDealRequest: { custom_fields: { [custom.field_code]: null } } })
  assert.equal(cleared.data.custom_fields[custom.field_code], null)
})

test('activities: made, found through the deal, done, removed', async () => {
  const { id: deal_id } = await firstOpen()
  const made = await activities.addActivity({ AddActivityRequest: { subject: 'Decide', type: 'task', deal_id, due_date: '2030-01-02', due_time: '09:00', note: 'why\nkey' } })
  assert.equal(made.data.done, false)
  const found = await all((p) => activities.getActivities(p), { deal_id, done: false })
  assert.ok(found.some((a) => a.id === made.data.id && a.note.endsWith('key')))
  const done = await activities.updateActivity({ id: made.data.id, AddActivityRequest: { done: true } })
  assert.ok(done.data.marked_as_done_time)
  await assert.rejects(activities.addActivity({ AddActivityRequest: { subject: 'x', type: 'no such type' } }))
  await activities.deleteActivity({ id: made.data.id })
  await assert.rejects(activities.getActivity({ id: made.data.id }), (e) => e.code === 'ERR_NOT_FOUND')
})

test('v1: users, activity types, notes, webhooks', async () => {
  const users = (await new v1.UsersApi(one).getUsers()).data
  assert.ok(users.some((u) => u.active_flag) && users.some((u) => !u.active_flag))
  const me = (await new v1.UsersApi(one).getCurrentUser()).data
  assert.ok(me.is_you && me.company_id && me.access.some((a) => a.app === 'global' && a.admin))
  assert.ok((await new v1.ActivityTypesApi(one).getActivityTypes()).data.some((t) => t.key_string === 'task'))
  const { id: deal_id } = await firstOpen()
  const notes = new v1.NotesApi(one)
  const note = (await notes.addNote({ AddNoteRequest: { content: '<b>hi</b><script>x</script>', deal_id } })).data
  assert.equal(note.content, '<b>hi</b>')
  assert.ok((await notes.getNotes({ deal_id })).data.some((n) => n.id === note.id))
  await notes.deleteNote({ id: note.id })
  const hooks = new v1.WebhooksApi(one)
  const hook = (await hooks.addWebhook({ AddWebhookRequest: { subscription_url: 'https://example.com/hook', event_action: 'change', event_object: 'deal', name: 'judge', version: '2.0' } })).data
  assert.ok((await hooks.getWebhooks()).data.some((h) => h.id === hook.id))
  await hooks.deleteWebhook({ id: hook.id })
})

test('persons and organizations of a deal', async () => {
  const list = await all((p) => deals.getDeals(p))
  const deal = list.find((d) => d.person_id && d.org_id)
  const person = (await new v2.PersonsApi(two).getPersons({ ids: String(deal.person_id) })).data[0]
  assert.equal(person.id, deal.person_id)
  const org = (await new v2.OrganizationsApi(two).getOrganization({ id: deal.org_id })).data
  assert.ok(deal.title.startsWith(org.name))
})

test('products of deals, contacts and channels', async () => {
  const deal = await firstOpen()
  const attached = new v2.DealProductsApi(two)
  const products = await attached.getDealsProducts({ deal_ids: [deal.id], limit: 50 })
  assert.equal(products.success, true)
  assert.ok(Array.isArray(products.data))
  await assert.rejects(attached.getDealsProducts({ deal_ids: Array.from({ length: 101 }, (_, i) => i + 1) }), (e) => e.success === false)
  const [full] = (await deals.getDeals({ ids: String(deal.id), include_fields: 'participants_count,products_count,email_messages_count' })).data
  assert.equal(full.products_count, products.data.length)
  assert.equal(typeof full.participants_count, 'number')
  const channel = (await all((p) => fields.getDealFields(p))).find((f) => f.field_code === 'channel')
  assert.equal(channel.field_type, 'enum')
  if (full.channel !== null) assert.ok(channel.options.some((o) => o.id === full.channel))
})
