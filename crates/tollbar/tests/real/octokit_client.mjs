// GitHub's own client, unchanged: its base URL is the gateway's, and a hook adds the key to each request. Reads where
// to call from standard input, prints each call with what came back. It is installed elsewhere: its folder is the first
// argument.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const { resolve } = createRequire(`${process.argv[2]}/`)
const { Octokit } = await import(pathToFileURL(resolve('@octokit/rest')))
const task = JSON.parse(readFileSync(0, 'utf8'))

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const octokit = new Octokit({ baseUrl: task.base, log: quiet })
octokit.hook.before('request', (options) => {
  if (task.key) options.headers['x-api-key'] = task.key
  // GitHub understands its own media types; the mock server those that its document names.
  options.headers.accept = `${options.headers.accept ?? 'application/vnd.github.v3+json'}, application/json, text/html`
})

const repo = { owner: 'octocat', repo: 'Hello-World' }
const issue = { ...repo, issue_number: 1347 }
const pull = { ...repo, pull_number: 42 }
const sha = '6dcb09b5b57875f334f61aebed695e2e4193db5e'
const { rest } = octokit

const calls = {
  'a repository': () => rest.repos.get(repo),
  'repositories of an organisation, sorted': () => rest.repos.listForOrg({ org: 'github', type: 'public', sort: 'full_name', direction: 'desc' }),
  'one page of many': () => rest.issues.listForRepo({ ...repo, state: 'all', labels: 'bug,ui', since: '2011-04-14T16:00:49Z', per_page: 2, page: 3 }),
  'a search': () => rest.search.issuesAndPullRequests({ q: 'repo:octocat/Hello-World is:open "a phrase"', sort: 'created', per_page: 5 }),
  'a comparison of two branches': () => rest.repos.compareCommitsWithBasehead({ ...repo, basehead: 'main...feature/a b' }),
  'a new issue': () => rest.issues.create({ ...repo, title: 'Found a bug', body: 'I\'m "stuck" – ∅\n', labels: ['bug', 'help wanted'], assignees: ['octocat'] }),
  'an issue with a number as its title': () => rest.issues.create({ ...repo, title: 7 }),
  'a changed issue': () => rest.issues.update({ ...issue, state: 'closed', state_reason: 'completed', milestone: null }),
  'a locked issue': () => rest.issues.lock({ ...issue, lock_reason: 'off-topic' }),
  'a locked issue, without a reason': () => rest.issues.lock(issue),
  'an unlocked issue': () => rest.issues.unlock(issue),
  'labels added': () => rest.issues.addLabels({ ...issue, labels: ['bug', 'enhancement'] }),
  'labels replaced': () => rest.issues.setLabels({ ...issue, labels: ['a/b', 'ü'] }),
  'a label removed': () => rest.issues.removeLabel({ ...issue, name: 'help wanted/ü' }),
  'a comment': () => rest.issues.createComment({ ...issue, body: 'Me too' }),
  'a comment deleted': () => rest.issues.deleteComment({ ...repo, comment_id: 42 }),
  'a file written': () => rest.repos.createOrUpdateFileContents({ ...repo, path: 'notes/hello.txt', message: 'my commit', content: 'bXkgdXBkYXRlZCBmaWxlIGNvbnRlbnRz', committer: { name: 'Monalisa', email: 'octocat@github.com' } }),
  'a file deleted, with a body': () => rest.repos.deleteFile({ ...repo, path: 'notes/hello.txt', message: 'gone', sha, branch: 'main' }),
  'a file, raw': () => rest.repos.getContent({ ...repo, path: 'README.md', mediaType: { format: 'raw' } }),
  'a pull request': () => rest.pulls.create({ ...repo, title: 'Amazing', head: 'octocat:new', base: 'main', draft: true }),
  'a pull request as a patch': () => rest.pulls.get({ ...pull, mediaType: { format: 'patch' } }),
  'a merge': () => rest.pulls.merge({ ...pull, merge_method: 'squash', sha }),
  'a review with comments': () => rest.pulls.createReview({ ...pull, commit_id: sha, event: 'REQUEST_CHANGES', body: 'close', comments: [{ path: 'file.md', position: 6, body: 'more' }, { path: 'b.md', line: 3, side: 'RIGHT', body: 'less' }] }),
  'reviewers asked for': () => rest.pulls.requestReviewers({ ...pull, reviewers: ['octocat', 'hubot'], team_reviewers: ['justice-league'] }),
  'a tree': () => rest.git.createTree({ ...repo, base_tree: sha, tree: [{ path: 'file.rb', mode: '100644', type: 'blob', sha }, { path: 'gone.rb', mode: '100644', type: 'blob', sha: null }] }),
  'a commit': () => rest.git.createCommit({ ...repo, message: 'm', tree: sha, parents: [sha], author: { name: 'Mona', email: 'octocat@github.com', date: '2008-07-09T16:13:30+12:00' } }),
  'a branch moved': () => rest.git.updateRef({ ...repo, ref: 'heads/feature', sha, force: true }),
  'a gist of several files': () => rest.gists.create({ description: 'x', public: false, files: { 'a.txt': { content: 'A' }, 'b c.md': { content: '# B' } } }),
  'a gist changed, one file renamed': () => rest.gists.update({ gist_id: 'aa5a315d61ae9438b18d', description: 'y', files: { 'a.txt': { content: 'AA' }, 'b c.md': { filename: 'd.md' } } }),
  'a gist deleted': () => rest.gists.delete({ gist_id: 'aa5a315d61ae9438b18d' }),
  'Markdown': () => rest.markdown.render({ text: 'Hello **world**', mode: 'gfm', context: 'octo-org/octo-repo' }),
  'raw Markdown': () => rest.markdown.renderRaw({ data: 'Hello **world**', headers: { 'content-type': 'text/x-markdown' } }),
  'a check run': () => rest.checks.create({ ...repo, name: 'lint', head_sha: sha, status: 'completed', conclusion: 'success', completed_at: '2018-05-04T01:14:52Z', output: { title: 'ok', summary: 'none', annotations: [{ path: 'README.md', annotation_level: 'warning', message: 'x', start_line: 2, end_line: 2 }] } }),
  'a workflow started': () => rest.actions.createWorkflowDispatch({ ...repo, workflow_id: 'ci.yml', ref: 'main', inputs: { name: 'Mona', home: 'CA' } }),
  'topics replaced': () => rest.repos.replaceAllTopics({ ...repo, names: ['octocat', 'api'] }),
  'a repository changed': () => rest.repos.update({ ...repo, description: 'd', private: false, has_issues: true, security_and_analysis: { secret_scanning: { status: 'enabled' } } }),
  'a reaction': () => rest.reactions.createForIssue({ ...issue, content: '+1' }),
  'a subscription': () => rest.activity.setThreadSubscription({ thread_id: 1, ignored: true }),
  'a permission of a team': () => rest.teams.addOrUpdateRepoPermissionsInOrg({ org: 'o', team_slug: 't', ...repo, permission: 'push' }),
}

const outcome = []
for (const [what, call] of Object.entries(calls)) {
  try {
    const { status, data, headers, url } = await call()
    const body = data instanceof ArrayBuffer ? Buffer.from(data).toString() : (data ?? null)
    outcome.push({ what, status, body, type: headers['content-type'] ?? null, link: headers.link ?? null, path: url.slice(task.base.length) })
  } catch (error) {
    outcome.push({ what, status: error.status ?? null, failed: error.message, body: error.response?.data ?? null, path: error.request?.url?.slice(task.base.length) ?? null })
  }
}
process.stdout.write(JSON.stringify(outcome))
