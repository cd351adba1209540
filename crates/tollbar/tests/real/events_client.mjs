// eventsource hears events that it asks for one by one. Reads what to do from standard input, prints what happened. It is
// installed elsewhere: its folder is the first argument.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// Not an end that one waits for: a mistake.
setTimeout(() => process.exit(3, console.error('stuck after', outcome)), 25_000).unref()
const require = createRequire(`${process.argv[2]}/`)
const { EventSource } = require('eventsource')
const undici = require('undici')
const task = JSON.parse(readFileSync(0, 'utf8'))
const connect = { ca: task.ca ? readFileSync(task.ca) : undefined }
const { origin } = new URL(task.url)
const connection = () => (task.http2 && !task.ca ? new undici.H2CClient(origin) : new undici.Agent({ allowH2: task.http2, connect }))
// undici sends no POST on a connection while something else is under way there.
const [listening, asking] = [connection(), connection()]
const call = (dispatcher, url, { headers, ...options } = {}) =>
  undici.fetch(url, { ...options, dispatcher, headers: { ...headers, 'X-API-Key': task.key } })
const post = (target, body = '') => call(asking, task.url + target, { method: 'POST', body })

const outcome = { opened: [], events: [] }
const source = new EventSource(`${task.url}/events`, {
  fetch: (url, options) => {
    outcome.opened.push(options.headers['Last-Event-ID'] ?? null)
    return call(listening, url, options)
  },
})
const heard = async () => {
  const [event] = await once(source, 'order')
  outcome.events.push([event.lastEventId, event.data])
}
await once(source, 'open')
for (const data of ['one', 'two', 'three']) {
  const hearing = heard()
  await post('/emit', data)
  await hearing
}
const missed = heard()
const ended = once(source, 'error')
await post('/hang-up')
await ended
await post('/emit', 'missed')
await missed
source.close()

const refused = new EventSource(`${task.url}/events`, { fetch: (url, options) => undici.fetch(url, { ...options, dispatcher: listening }) })
const [error] = await once(refused, 'error')
outcome.refused = error.code
refused.close()
process.stdout.write(JSON.stringify(outcome), () => process.exit(0))
