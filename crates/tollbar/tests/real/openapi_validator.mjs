// Whether a document is OpenAPI, as a validator that is not ours sees it. Reads the document from standard input, prints
// what it found. It is installed elsewhere: its folder is the first argument.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const { resolve } = createRequire(`${process.argv[2]}/`)
const { default: SwaggerParser } = await import(pathToFileURL(resolve('@apidevtools/swagger-parser')))
const document = JSON.parse(readFileSync(0, 'utf8'))

try {
  // Nothing outside the document is asked for.
  const api = await SwaggerParser.validate(document, { resolve: { external: false } })
  console.log(JSON.stringify({ valid: true, paths: Object.keys(api.paths).length }))
} catch (error) {
  console.log(JSON.stringify({ valid: false, message: String(error.message).slice(0, 2000) }))
}
