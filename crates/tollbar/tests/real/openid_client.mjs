// openid-client finds the token endpoint by itself, gets tokens and uses them. Reads what to do from standard input,
// prints what happened. It is installed elsewhere: its folder is the first argument.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const { resolve } = createRequire(`${process.argv[2]}/`)
const openid = await import(pathToFileURL(resolve('openid-client')))
const task = JSON.parse(readFileSync(0, 'utf8'))

async function attempt(authentication) {
  try {
    const options = { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] }
    const issuer = new URL(task.issuer)
    const config = await openid.discovery(issuer, task.client_id, undefined, authentication, options)
    const token = await openid.clientCredentialsGrant(config, { scope: task.scope })
    const resource = new URL(task.resource)
    const answer = await openid.fetchProtectedResource(config, token.access_token, resource, 'GET')
    const { token_endpoint } = config.serverMetadata()
    return { token_endpoint, token, status: answer.status, body: await answer.json() }
  } catch (error) {
    // The answer itself is on the error, or on its cause.
    const response = [error.response, error.cause].find((found) => found instanceof Response)
    const body = response && !response.bodyUsed ? await response.json() : null
    return { failed: error.constructor.name, code: error.code ?? null, text: error.message, status: error.status ?? response?.status ?? null, body }
  }
}

const methods = { client_secret_basic: openid.ClientSecretBasic, client_secret_post: openid.ClientSecretPost }
const outcome = {}
for (const [name, method] of Object.entries(methods)) {
  outcome[name] = {
    right: await attempt(method(task.client_secret)),
    wrong: await attempt(method(task.wrong_secret)),
  }
}
process.stdout.write(JSON.stringify(outcome))
