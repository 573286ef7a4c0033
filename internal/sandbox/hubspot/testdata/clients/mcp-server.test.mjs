// HubSpot's own MCP server, started as its users start it, against the sandbox.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'

const mcp = new Client({ name: 'judge', version: '1' })
before(async () => {
  await mcp.connect(new StdioClientTransport({
    command: process.execPath, args: ['node_modules/@hubspot/mcp-server/dist/index.js'],
    env: { ...process.env, BASE_URL_OVERRIDE: process.env.BASE, PRIVATE_APP_ACCESS_TOKEN: 'pat-sandbox' },
  }))
})
after(() => mcp.close())

async function call(name, args = {}) {
  const reply = await mcp.callTool({ name, arguments: args })
  const text = reply.content.map((c) => c.text).join('\n')
  assert.ok(!reply.isError, `${name}: ${text}`)
  return text
}

// json finds the JSON document within an answer's prose.
const json = (text) => JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1))

test('who am I', async () => {
  const text = await call('hubspot-get-user-details')
  assert.match(text, /hubId|hub_id/i)
})

test('list, search and read deals', async () => {
  const page = json(await call('hubspot-list-objects', { objectType: 'deals', limit: 5, properties: ['dealname'] }))
  assert.equal(page.results.length, 5)
  const found = json(await call('hubspot-search-objects', { objectType: 'deals', limit: 3, filterGroups: [{ filters: [{ propertyName: 'dealname', operator: 'HAS_PROPERTY' }] }] }))
  assert.equal(found.results.length, 3)
  const read = json(await call('hubspot-batch-read-objects', { objectType: 'deals', inputs: [{ id: page.results[0].id }], properties: ['dealname', 'dealstage'] }))
  assert.equal(read.results[0].id, page.results[0].id)
})

test('update a deal', async () => {
  const page = json(await call('hubspot-list-objects', { objectType: 'deals', limit: 1 }))
  const id = page.results[0].id
  await call('hubspot-batch-update-objects', { objectType: 'deals', inputs: [{ id, properties: { dealname: 'Renamed by the judge' } }] })
  const read = json(await call('hubspot-batch-read-objects', { objectType: 'deals', inputs: [{ id }], properties: ['dealname'] }))
  assert.equal(read.results[0].properties.dealname, 'Renamed by the judge')
})

test('a task as an engagement', async () => {
  const page = json(await call('hubspot-list-objects', { objectType: 'deals', limit: 1, properties: ['hubspot_owner_id'] }))
  const owner = Number(page.results[0].properties.hubspot_owner_id)
  const made = json(await call('hubspot-create-engagement', {
    type: 'TASK', ownerId: owner, timestamp: Date.parse('2030-01-02T09:00:00Z'), associations: { dealIds: [Number(page.results[0].id)], contactIds: [], companyIds: [], ownerIds: [], ticketIds: [] },
    metadata: { subject: 'Call back', body: 'please', status: 'NOT_STARTED', forObjectType: 'DEAL' },
  }))
  const id = made.engagement.engagement.id
  assert.ok(id)
  const read = await call('hubspot-get-engagement', { engagementId: Number(id) })
  assert.match(read, /Call back/)
  const linked = json(await call('hubspot-list-associations', { objectType: 'deals', objectId: page.results[0].id, toObjectType: 'tasks' }))
  assert.ok(linked.results.some((r) => String(r.toObjectId) === String(id)))
})

test('properties', async () => {
  assert.match(await call('hubspot-list-properties', { objectType: 'deals' }), /dealstage/)
  const one = json(await call('hubspot-get-property', { objectType: 'deals', propertyName: 'dealstage' }))
  assert.equal(one.name, 'dealstage')
})
