const { enableCompileCache } = require('node:module')
if (enableCompileCache !== undefined) {
  // Node >= 22.1: a third off every later start.
  const folder = require('./cache-folder.js').cacheFolder(process.env, process.getuid())
  if (folder !== undefined) enableCompileCache(folder)
}
require('../dist/cli.cjs').run(() => require('node:url').pathToFileURL(`${__dirname}/../`))
