// Prism, a mock server that makes answers of an OpenAPI document and holds requests against it, on a free loopback
// port. Prints the port; ends when standard input does. It is installed elsewhere: its folder is the first argument,
// the document the second.

import { createRequire } from 'node:module'

const require = createRequire(`${process.argv[2]}/`)
const { getHttpOperationsFromSpec } = createRequire(require.resolve('@stoplight/prism-cli'))(
  '@stoplight/prism-http',
)
const { createServer } = createRequire(require.resolve('@stoplight/prism-cli'))('@stoplight/prism-http-server')

const nothing = () => {}
const logger = { success: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing, trace: nothing, fatal: nothing }
logger.child = () => logger

const operations = await getHttpOperationsFromSpec(process.argv[3])
// Some of its readers throw where nobody catches, at lists in headers that are left out for instance, or at parts of a
// form without a media type: what it was asked then gets a success, that it has no opinion on.
const http = require('node:http')
const unanswered = new Set()
const create = http.createServer
http.createServer = (handle) =>
  create((request, response) => {
    unanswered.add(response)
    response.on('close', () => unanswered.delete(response))
    return handle(request, response)
  })
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, () => {
    for (const response of unanswered) {
      if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'application/json', 'X-Mock-Server': 'threw' })
      response.end('{"ok":true}')
    }
  })
}
const server = createServer(operations, {
  cors: false,
  config: {
    validateRequest: true,
    validateResponse: false,
    checkSecurity: false,
    errors: false,
    upstreamProxy: undefined,
    isProxy: false,
    mock: { dynamic: false },
  },
  components: { logger },
})
const address = await server.listen(0, '127.0.0.1')
process.stdout.write(`${new URL(address).port}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
