#!/usr/bin/env node
// Words that every Node can read, however old: it is told which one is needed (bin/package.json).
var needed = [20, 19]
var version = process.versions.node
var parts = version.split('.')
var how = 'see https://nodejs.org/en/download, or use your version manager (nvm install 24)'
if (parts[0] > needed[0] || (parts[0] == needed[0] && parts[1] >= needed[1])) {
  require('./start.js')
} else {
  var what = 'nomad-pki needs Node.js ' + needed.join('.') + ' or newer, and this is ' + version
  console.error('error: ' + what + ': ' + how)
  process.exitCode = 1
}
