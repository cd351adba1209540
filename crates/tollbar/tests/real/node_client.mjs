// Node's fetch, undici's and node:http2. Reads what to do from standard input, prints what happened. undici is installed
// elsewhere: its folder is the first argument.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { createRequire } from 'node:module'

// Not an end that one waits for: a mistake.
setTimeout(() => process.exit(3, console.error('stuck after', outcomes)), 25_000).unref()
const undici = createRequire(`${process.argv[2]}/`)('undici')
const task = JSON.parse(readFileSync(0, 'utf8'))
const outcomes = {}
const ca = task.ca ? readFileSync(task.ca) : undefined
const key = { 'X-API-Key': task.key }
const megabyte = Buffer.from(Array.from({ length: 1 << 20 }, (_, at) => at % 256))

async function* upload() {
  for (let sent = 0; sent < 5; sent += 1) yield megabyte
}

const uploaded = createHash('sha256')
for await (const piece of upload()) uploaded.update(piece)
const expected = uploaded.digest('hex')

async function digest(stream) {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of stream) {
    hash.update(piece)
    bytes += piece.length
  }
  return `${bytes} ${hash.digest('hex')}`
}

async function byFetch(name, fetch, dispatcher) {
  const call = (target, options = {}) => fetch(task.url + target, { dispatcher, ...options, headers: { ...key, ...options.headers } })
  const outcome = (outcomes[name] = {})
  const echo = await (await call('/echo?a=%2F&b')).json()
  outcome.echo = [echo.target, echo.headers.via]
  const kept = JSON.stringify({ name: 'Grüße' })
  outcome.post = (await (await call('/orders', { method: 'POST', body: kept })).json()).text === kept
  const received = await (await call('/digest', { method: 'POST', duplex: 'half', body: ReadableStream.from(upload()) })).json()
  outcome.upload = [received.bytes, received.sha256 === expected]
  // One is aborted while others are under way.
  const others = Array.from({ length: 4 }, async () => digest((await call('/stream/5000000')).body))
  const controller = new AbortController()
  const endless = await call('/endless/fetch', { signal: controller.signal })
  const reader = endless.body.getReader()
  outcome.begun = Buffer.from((await reader.read()).value).toString()
  controller.abort()
  outcome.aborted = await reader.read().catch((error) => error.name)
  outcome.told = await (await call('/aborted')).json()
  outcome.others = [...new Set(await Promise.all(others))]
  const refused = await call('/fails')
  outcome.refused = [refused.status, (await refused.json()).error.code]
  const head = await call('/stream/1000?sized', { method: 'HEAD' })
  outcome.head = [head.headers.get('content-length'), (await head.text()).length]
}

async function byHttp2() {
  const { origin, pathname } = new URL(task.url)
  const session = connect(origin, { ca })
  const request = (target, headers = {}) => session.request({ ':path': pathname + target, ...key, ...headers }, { endStream: false })
  const answer = async (stream) => {
    const [headers] = await once(stream, 'response')
    const pieces = []
    for await (const piece of stream) pieces.push(piece)
    return { status: headers[':status'], body: JSON.parse(Buffer.concat(pieces)) }
  }
  const get = (target, headers) => answer(request(target, headers).end())
  await once(session, 'connect')
  const outcome = (outcomes.http2 = { protocol: session.alpnProtocol })
  const together = await Promise.all(Array.from({ length: 50 }, () => get('/together/50')))
  outcome.together = [...new Set(together.map(({ body }) => body.together))]
  outcome.cookie = (await get('/cookie', { cookie: ['a=1', 'b=2'] })).body.cookie
  const endless = request('/endless/http2').end()
  endless.on('error', () => {})
  const other = request('/stream/5000000').end()
  outcome.begun = (await once(endless, 'data')).toString()
  endless.close(8) // CANCEL
  outcome.told = (await get('/aborted')).body
  outcome.other = await digest(other)
  const post = request('/digest', { ':method': 'POST' })
  for await (const piece of upload()) post.write(piece) || (await once(post, 'drain'))
  post.end()
  const received = (await answer(post)).body
  outcome.upload = [received.bytes, received.sha256 === expected]
  const refused = await get('/nowhere')
  outcome.refused = [refused.status, refused.body.error.code]
  outcome.ping = await new Promise((resolve) => session.ping((error) => resolve(error === null)))
  await new Promise((resolve) => session.close(resolve))
}

if (task.http2) {
  const { origin } = new URL(task.url)
  await byFetch('undici', undici.fetch, ca ? new undici.Agent({ allowH2: true, connections: 1, connect: { ca } }) : new undici.H2CClient(origin))
  await byHttp2()
} else {
  await byFetch('undici', undici.fetch, new undici.Agent({ connect: { ca } }))
  // Trusts what NODE_EXTRA_CA_CERTS names.
  await byFetch('fetch', fetch)
}
process.stdout.write(JSON.stringify(outcomes), () => process.exit(0))
