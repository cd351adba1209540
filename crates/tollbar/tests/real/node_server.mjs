// Node's HTTP server, with ws beside it, on a free loopback port. Prints the port; ends when standard input does.
// It is installed elsewhere: its folder is the first argument.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const { WebSocketServer } = createRequire(`${process.argv[2]}/`)('ws')

const pattern = Buffer.from(Array.from({ length: 251 * 1024 }, (_, at) => at % 251))

// What one request notes and another waits for.
class Notes {
  #noted = []
  #waiting = []

  add(value) {
    const waiting = this.#waiting.shift()
    waiting ? waiting(value) : this.#noted.push(value)
  }

  next() {
    return this.#noted.length ? this.#noted.shift() : new Promise((resolve) => this.#waiting.push(resolve))
  }
}

const aborted = new Notes()
const closed = new Notes()
const events = []
const subscribers = new Set()
let executions = 0
let together = []

function json(response, body, headers = {}) {
  response.writeHead(200, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body))
}

async function whole(request) {
  const hash = createHash('sha256')
  let bytes = 0
  const pieces = []
  for await (const piece of request) {
    hash.update(piece)
    bytes += piece.length
    if (bytes < 100_000) pieces.push(piece)
  }
  return { bytes, sha256: hash.digest('hex'), text: bytes < 100_000 ? Buffer.concat(pieces).toString() : null }
}

async function stream(request, response, length, headers) {
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', ...headers })
  if (request.method === 'HEAD') return response.end()
  for (let left = length; left > 0; left -= pattern.length) {
    if (!response.write(left < pattern.length ? pattern.subarray(0, left) : pattern)) {
      await Promise.race([once(response, 'drain'), once(response, 'close')])
    }
    if (response.destroyed) return
  }
  response.end()
}

function tell(response, { id, data }) {
  response.write(`id: ${id}\nevent: order\ndata: ${data}\n\n`)
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://x')
  const [, what, number] = url.pathname.split('/')
  switch (what) {
    case 'echo':
      return json(response, { method: request.method, target: request.url, headers: request.headers })
    case 'cookie':
      return json(response, { cookie: request.headers.cookie ?? null }, { 'Set-Cookie': ['a=1; Path=/', 'b=two; Path=/'] })
    case 'stream':
      return stream(request, response, Number(number), url.searchParams.has('sized') ? { 'Content-Length': number } : {})
    case 'digest':
      return json(response, await whole(request))
    case 'orders': {
      const { text } = await whole(request)
      executions += 1
      return json(response, { execution: executions, text })
    }
    case 'together':
      // Nobody is answered before all are here.
      together.push(response)
      if (together.length === Number(number)) {
        together.forEach((waiting) => json(waiting, { together: together.length }))
        together = []
      }
      return
    case 'fails':
      return response.writeHead(500, { 'Content-Type': 'text/html' }).end('<pre>at inner.js:7</pre>')
    case 'endless':
      response.on('close', () => aborted.add(number))
      response.writeHead(200, { 'Content-Type': 'text/plain' }).write('begun')
      return
    case 'aborted':
      return json(response, { aborted: await aborted.next() })
    case 'closed':
      return json(response, await closed.next())
    case 'events': {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
      response.write('retry: 10\n\n')
      const last = Number(request.headers['last-event-id'] ?? events.length)
      events.filter(({ id }) => id > last).forEach((event) => tell(response, event))
      subscribers.add(response)
      response.on('close', () => subscribers.delete(response))
      return
    }
    case 'emit': {
      const event = { id: events.length + 1, data: (await whole(request)).text }
      events.push(event)
      subscribers.forEach((subscriber) => tell(subscriber, event))
      return json(response, { subscribers: subscribers.size })
    }
    case 'hang-up':
      subscribers.forEach((subscriber) => subscriber.end())
      return json(response, { subscribers: subscribers.size })
    default:
      return response.writeHead(404).end()
  }
})

const sockets = new WebSocketServer({
  server,
  path: '/socket',
  perMessageDeflate: true,
  maxPayload: 2 << 20,
  closeTimeout: 60_000,
  handleProtocols: (offered) => (offered.has('orders.v2') ? 'orders.v2' : false),
})
sockets.on('connection', (socket, request) => {
  socket.on('error', (error) => closed.add({ error: error.message }))
  socket.on('message', (data, isBinary) => {
    const text = isBinary ? '' : data.toString()
    if (text === 'close') return socket.close(4001, 'as you wished')
    if (text === 'who') {
      return socket.send(JSON.stringify({ environment: request.headers['x-tollbar-environment'], key: request.headers['x-api-key'] ?? null }))
    }
    if (text === 'ping') {
      socket.once('pong', (payload) => socket.send(`ponged ${payload}`))
      return socket.ping('p1')
    }
    socket.send(data, { binary: isBinary })
  })
  socket.on('close', (code, reason) => closed.add({ code, reason: reason.toString() }))
})

server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit(0)).resume()
