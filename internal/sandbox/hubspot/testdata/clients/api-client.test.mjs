// HubSpot's own client against the sandbox. BASE is the sandbox's HubSpot address, e.g. http://127.0.0.1:9500/hubspot.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import hubspot from '@hubspot/api-client'

const base = process.env.BASE
const redirect = 'http://localhost:8976/oauth/callback'
const scopes = 'oauth crm.objects.deals.read crm.objects.deals.write crm.schemas.deals.read crm.schemas.deals.write crm.objects.owners.read crm.objects.contacts.read crm.objects.contacts.write crm.objects.companies.read'

const client = (accessToken) => new hubspot.Client({ accessToken, basePath: base, numberOfApiCallRetries: 3 })

async function authorize() {
  const url = `${base}/oauth/authorize?client_id=sandbox&redirect_uri=${encodeURIComponent(redirect)}&scope=${encodeURIComponent(scopes)}&state=s1`
  const reply = await fetch(url, { redirect: 'manual' })
  assert.equal(reply.status, 302)
  const back = new URL(reply.headers.get('location'))
  assert.equal(back.searchParams.get('state'), 's1')
  return back.searchParams.get('code')
}

const hs = client('pat-sandbox')

test('OAuth: code, tokens, refresh', async () => {
  const anon = client(undefined)
  const code = await authorize()
  const tokens = await anon.oauth.tokensApi.create('authorization_code', code, redirect, 'sandbox', 'sandbox')
  assert.ok(tokens.accessToken && tokens.refreshToken)
  assert.equal(tokens.expiresIn, 1800)
  const again = await anon.oauth.tokensApi.create('refresh_token', undefined, undefined, 'sandbox', 'sandbox', tokens.refreshToken)
  assert.ok(again.accessToken)
  const page = await client(again.accessToken).crm.deals.basicApi.getPage(1)
  assert.equal(page.results.length, 1)
  await assert.rejects(anon.oauth.tokensApi.create('authorization_code', code, redirect, 'sandbox', 'sandbox'), (e) => e.code === 400)
})

test('an unknown token is refused', async () => {
  await assert.rejects(client('no-such-token').crm.deals.basicApi.getPage(1), (e) => e.code === 401)
})

test('list with history and associations, to the last page', async () => {
  let after, n = 0, moves = 0, companies = 0
  do {
    const page = await hs.crm.deals.basicApi.getPage(50, after, ['dealname', 'amount', 'dealstage', 'createdate'], ['dealstage'], ['companies'], false)
    for (const d of page.results) {
      n++
      assert.match(d.id, /^\d+$/)
      assert.ok(d.propertiesWithHistory.dealstage.length >= 1)
      assert.equal(d.propertiesWithHistory.dealstage[0].value, d.properties.dealstage)
      moves += d.propertiesWithHistory.dealstage.length
      companies += d.associations?.companies ? 1 : 0
    }
    after = page.paging?.next?.after
  } while (after)
  const counted = await hs.crm.deals.searchApi.doSearch({ filterGroups: [], sorts: [], properties: [], limit: 1, after: '0' })
  assert.equal(n, counted.total)
  assert.ok(moves > n)
  assert.ok(companies > 0)
})

test('a page with history holds at most 50', async () => {
  await assert.rejects(hs.crm.deals.batchApi.read({ inputs: Array.from({ length: 51 }, (_, i) => ({ id: String(i + 1) })), properties: [], propertiesWithHistory: ['dealstage'] }), (e) => e.code === 400)
})

test('search by modification time, ascending', async () => {
  const found = await hs.crm.deals.searchApi.doSearch({
    filterGroups: [{ filters: [{ propertyName: 'hs_lastmodifieddate', operator: 'GTE', value: '0' }] }],
    sorts: ['hs_lastmodifieddate'], properties: ['hs_lastmodifieddate', 'dealname'], limit: 100, after: '0',
  })
  assert.ok(found.results.length > 1)
  const times = found.results.map((d) => Date.parse(d.properties.hs_lastmodifieddate))
  assert.deepEqual(times, [...times].sort((a, b) => a - b))
  assert.equal(found.paging?.next?.after, found.total > 100 ? '100' : undefined)
})

test('batch update: all, partial and refused', async () => {
  const [a, b] = (await hs.crm.deals.basicApi.getPage(2)).results
  const all = await hs.crm.deals.batchApi.update({ inputs: [a, b].map((d) => ({ id: d.id, properties: { amount: '1234.5' } })) })
  assert.equal(all.results.length, 2)
  const partial = await hs.crm.deals.batchApi.update({ inputs: [{ id: a.id, properties: { amount: '77' } }, { id: '999999999999', properties: { amount: '77' } }] })
  assert.equal(partial.results.length, 1)
  assert.ok(partial.numErrors >= 1)
  assert.equal(partial.errors[0].category, 'OBJECT_NOT_FOUND')
  await assert.rejects(hs.crm.deals.batchApi.update({ inputs: [{ id: a.id, properties: { amount: '88' } }, { id: b.id, properties: { no_such_property: 'x' } }] }), (e) => e.code === 400)
  await assert.rejects(hs.crm.deals.batchApi.update({ inputs: [{ id: a.id, properties: { amount: '88' } }, { id: a.id, properties: { amount: '89' } }] }), (e) => e.code === 400)
  const after = await hs.crm.deals.basicApi.getById(a.id, ['amount'])
  assert.equal(after.properties.amount, '77')
})

test('pipelines and stages', async () => {
  const { results } = await hs.crm.pipelines.pipelinesApi.getAll('deals')
  assert.ok(results.length >= 1)
  const stages = results.flatMap((p) => p.stages)
  assert.ok(stages.every((s) => (s.metadata.isClosed === 'true') === (Number(s.metadata.probability) === 0 || Number(s.metadata.probability) === 1)))
  const open = results[0].stages.find((s) => s.metadata.isClosed === 'false')
  await hs.crm.pipelines.pipelineStagesApi.update('deals', results[0].id, open.id, { metadata: { probability: '0.3' } })
  const read = await hs.crm.pipelines.pipelineStagesApi.getById('deals', results[0].id, open.id)
  assert.equal(read.label, open.label)
  assert.equal(read.metadata.probability, '0.3')
})

test('properties: create, conflict, replace options, remove', async () => {
  const body = { name: 'judged_reason', label: 'Judged reason', type: 'enumeration', fieldType: 'select', groupName: 'dealinformation', options: [{ label: 'A', value: 'a', displayOrder: 0, hidden: false }] }
  const made = await hs.crm.properties.coreApi.create('deals', body)
  assert.equal(made.name, 'judged_reason')
  await assert.rejects(hs.crm.properties.coreApi.create('deals', body), (e) => e.code === 409)
  await hs.crm.properties.coreApi.update('deals', 'judged_reason', { options: [{ label: 'B', value: 'b', displayOrder: 0, hidden: false }] })
  const read = await hs.crm.properties.coreApi.getByName('deals', 'judged_reason')
  assert.deepEqual(read.options.map((o) => o.value), ['b'])
  const [d] = (await hs.crm.deals.basicApi.getPage(1)).results
  await assert.rejects(hs.crm.deals.basicApi.update(d.id, { properties: { judged_reason: 'a' } }), (e) => e.code === 400)
  await hs.crm.properties.coreApi.archive('deals', 'judged_reason')
  await assert.rejects(hs.crm.properties.coreApi.getByName('deals', 'judged_reason'), (e) => e.code === 404)
})

test('owners: active and archived', async () => {
  const active = await hs.crm.owners.ownersApi.getPage(undefined, undefined, 100, false)
  const gone = await hs.crm.owners.ownersApi.getPage(undefined, undefined, 100, true)
  assert.ok(active.results.length > 0)
  assert.ok(active.results.every((o) => !o.archived))
  assert.ok(gone.results.every((o) => o.archived))
  assert.ok(gone.results.length > 0)
})

test('tasks: create on a deal, find through the deal, complete, remove', async () => {
  const [deal] = (await hs.crm.deals.basicApi.getPage(1)).results
  const task = await hs.crm.objects.tasks.basicApi.create({
    properties: { hs_timestamp: '2030-01-02T09:00:00Z', hs_task_subject: 'Judge', hs_task_body: 'body\nkey', hs_task_status: 'NOT_STARTED' },
    associations: [{ to: { id: deal.id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 216 }] }],
  })
  const linked = await hs.crm.associations.v4.basicApi.getPage('deals', deal.id, 'tasks')
  assert.ok(linked.results.some((r) => String(r.toObjectId) === task.id))
  const done = await hs.crm.objects.tasks.basicApi.update(task.id, { properties: { hs_task_status: 'COMPLETED' } })
  assert.equal(done.properties.hs_task_status, 'COMPLETED')
  await hs.crm.objects.tasks.basicApi.archive(task.id)
  await assert.rejects(hs.crm.objects.tasks.basicApi.getById(task.id), (e) => e.code === 404)
})

test('dated paths through apiRequest', async () => {
  const reply = await hs.apiRequest({ method: 'GET', path: '/crm/objects/2026-09/deals?limit=2&properties=dealname' })
  assert.equal(reply.status, 200)
  assert.equal((await reply.json()).results.length, 2)
})
