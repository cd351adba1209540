// ws talks with the server behind Tollbar. Reads what to do from standard input, prints what happened. It is installed
// elsewhere: its folder is the first argument.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// Not an end that one waits for: a mistake.
setTimeout(() => process.exit(3, console.error('stuck after', outcome)), 25_000).unref()
const WebSocket = createRequire(`${process.argv[2]}/`)('ws')
const task = JSON.parse(readFileSync(0, 'utf8'))
const ca = task.ca ? readFileSync(task.ca) : undefined

function connect(headers) {
  // Whoever closes waits for the other side, for longer than this may take.
  const options = { headers, ca, maxPayload: 2 << 20, closeTimeout: 60_000 }
  return new WebSocket(`${task.url}/socket`, ['orders.v1', 'orders.v2'], options)
}

async function open() {
  const socket = connect({ 'X-API-Key': task.key })
  await once(socket, 'open')
  return socket
}

async function ask(socket, message) {
  socket.send(message)
  const [answer, isBinary] = await once(socket, 'message')
  return isBinary ? answer : answer.toString()
}

async function refused() {
  const [, response] = await once(connect({}), 'unexpected-response')
  const pieces = []
  for await (const piece of response) pieces.push(piece)
  return { status: response.statusCode, code: JSON.parse(Buffer.concat(pieces)).error.code }
}

const outcome = { refused: await refused() }
const first = await open()
outcome.protocol = first.protocol
outcome.deflate = first.extensions.split(';')[0]
outcome.text = await ask(first, 'Grüße')
outcome.who = JSON.parse(await ask(first, 'who'))
for (const [name, message] of [['noise', randomBytes(1 << 20)], ['zeros', Buffer.alloc(1 << 20)]]) {
  outcome[name] = message.equals(await ask(first, message))
}
first.ping('p0')
outcome.ping = (await once(first, 'pong'))[0].toString()
outcome.pinged = await ask(first, 'ping')
first.send('close')
const [code, reason] = await once(first, 'close')
outcome.server_closes = { code, reason: reason.toString() }
const second = await open()
second.close(4002, 'enough')
outcome.client_closes = (await once(second, 'close'))[0]
process.stdout.write(JSON.stringify(outcome), () => process.exit(0))
