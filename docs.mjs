// Writes every page that is made from the sources: the table is test/docs/pages.ts.
//   node docs.mjs [PAGE…]             writes those that differ, and names them
//   node docs.mjs --check [PAGE…]     writes nothing; names those that differ, and exits 1
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = dirname(fileURLToPath(import.meta.url))
const words = process.argv.slice(2)
const check = words.includes('--check')
const only = words.filter((word) => word !== '--check')

/** A file that is bundled elsewhere still finds what lies beside it. */
const whereItWas = {
  name: 'import.meta.url of each source file',
  setup(bundle) {
    bundle.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8').replaceAll(
        'import.meta.url',
        JSON.stringify(pathToFileURL(path).href),
      ),
    }))
  },
}

const work = mkdtempSync(join(tmpdir(), 'nomad-pki-pages-'))
let pages
try {
  const outfile = join(work, 'pages.mjs')
  await build({
    entryPoints: [join(root, 'test/docs/pages.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    // As in build.mjs: jsonc-parser's CommonJS half asks for its parts in a way that no bundler sees.
    mainFields: ['module', 'main'],
    // Packages in CommonJS ask for node:* by require, which a module does not have.
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire(${JSON.stringify(import.meta.url)});`,
    },
    plugins: [whereItWas],
    logLevel: 'warning',
  })
  ;({ pages } = await import(pathToFileURL(outfile).href))
} finally {
  rmSync(work, { recursive: true, force: true })
}

const unknown = only.find((name) => !(name in pages))
if (unknown !== undefined) {
  console.error(`unknown page: ${unknown}; there are ${Object.keys(pages).join(', ')}`)
  process.exit(64)
}
let differing = 0
for (const [name, page] of Object.entries(pages)) {
  if (only.length > 0 && !only.includes(name)) continue
  const file = join(root, name)
  const present = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const wanted = await page(present)
  if (wanted === present) continue
  differing += 1
  console.log(check ? `${name} is not what its sources say` : `${name} is written`)
  if (check) continue
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, wanted)
}
if (check && differing > 0) {
  console.error('to write them: npm run docs')
  process.exitCode = 1
}
