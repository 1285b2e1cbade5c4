const { enableCompileCache } = require('node:module')
enableCompileCache?.() // Node >= 22.1: a third off every later start
import('../dist/cli.js').then(({ run }) =>
  run(() => require('node:url').pathToFileURL(`${__dirname}/../`)),
)
