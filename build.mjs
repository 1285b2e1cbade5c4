// Builds dist/: the library and the command bundled with their dependencies (start-up costs half), the dependencies' licences,
// declarations, and the JSON schemas. `node build.mjs [FOLDER] [--fast]`; --fast leaves the declarations out.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const fast = process.argv.includes('--fast')
const out = resolve(
  process.argv.slice(2).find((word) => !word.startsWith('--')) ?? join(root, 'dist'),
)

let esbuild
try {
  esbuild = await import('esbuild')
} catch {
  // `npm ci --omit=dev` in a clone runs `prepare` without what builds.
  console.error('nomad-pki: not built, because esbuild is not installed (it is a devDependency)')
  process.exit(0)
}

const entries = { index: 'src/index.ts', hcl: 'src/hcl/index.ts', cli: 'src/cli/run.ts' }
const shared = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // jsonc-parser's CommonJS half asks for its parts in a way that no bundler sees.
  mainFields: ['module', 'main'],
  // For Node the package points at its CommonJS half, of which nothing can be left out.
  alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
  legalComments: 'none',
  logLevel: 'warning',
}

/** commander runs subcommands that are programs of their own; ours are not. */
const withoutChildProcess = {
  name: 'without child_process',
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /node_modules\/commander\//.test(importer) ? { path: 'none', namespace: 'none' } : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'module.exports = {}' }))
  },
}

/** Asked for when something of it is used: `isIP` alone needs all of the sockets' code. */
const slow = new Set(['node:net', 'node:tls', 'node:timers/promises', 'node:os'])

/**
 * An import of `node:fs` reads every property of the module, and so loads what stands behind its lazy
 * ones (streams, webcrypto, process.report): 8 ms of a start. A require does not.
 */
const builtinsByRequire = {
  name: 'builtins by require',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, kind, namespace }) =>
      kind === 'import-statement' && namespace !== 'builtin'
        ? { path, namespace: 'builtin' }
        : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, async ({ path }) => ({
      contents: slow.has(path)
        ? Object.keys(await import(path))
            .filter((name) => name !== 'default')
            .map((name) => `get ${name}() { return require(${JSON.stringify(path)}).${name} }`)
            .join(',')
            .replace(/^[^]*$/, 'module.exports = {$&}')
        : `module.exports = require(${JSON.stringify(path)})`,
    }))
  },
}

rmSync(out, { recursive: true, force: true })
mkdirSync(join(out, 'schemas'), { recursive: true })
const bundles = [
  // The library, to be read by whoever steps into it.
  {
    entryPoints: { index: entries.index, hcl: entries.hcl },
    minifySyntax: true,
    // Packages in CommonJS ask for node:* by require, which a module does not have.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  },
  // The command, to be loaded fast: names alone are a fifth of `--help`.
  {
    entryPoints: { cli: entries.cli },
    minify: true,
    // Node 22.0 to 22.2 lack getBuiltinModule.
    banner: {
      js: 'const require = process.getBuiltinModule ?? (await import("node:module")).createRequire(import.meta.url);',
    },
    plugins: [withoutChildProcess, builtinsByRequire],
  },
]
const inputs = new Set()
for (const bundle of bundles) {
  const { metafile } = await esbuild.build({
    ...shared,
    ...bundle,
    outdir: out,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    metafile: true,
  })
  for (const input of Object.keys(metafile.inputs)) inputs.add(input)
}

writeFileSync(join(out, 'LICENSES.txt'), licences([...inputs]))
await schemas()
if (!fast) declarations()

/** The licence of every package of which something was bundled. */
function licences(inputs) {
  const packages = new Map()
  for (const input of inputs) {
    const match = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(input)
    if (match) packages.set(match[2], join(root, match[1]))
  }
  const texts = [...packages]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, folder]) => {
      const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      const file = readdirSync(folder).find((each) => /^(licen[cs]e|copying)/i.test(each))
      if (file === undefined) throw new Error(`${name} has no licence file`)
      const text = readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim()
      return `${name} ${version} (${license})\n\n${text}\n`
    })
  const rule = `\n${'-'.repeat(80)}\n\n`
  return `These packages are contained in the files of this folder.\n${rule}${texts.join(rule)}`
}

/** The documents' schemas as they are, and the spec's, which is made from the parser's own table. */
async function schemas() {
  const folder = join(root, 'src/report/schemas')
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.json')) {
      writeFileSync(join(out, 'schemas', name), readFileSync(join(folder, name)))
    }
  }
  const source = ['src/spec/schema.ts'].find((file) => existsSync(join(root, file)))
  if (source === undefined) return
  const temporary = join(out, 'schema-of-the-spec.mjs')
  await esbuild.build({ ...shared, entryPoints: [source], outfile: temporary })
  const { specSchema } = await import(pathToFileURL(temporary).href)
  rmSync(temporary)
  writeFileSync(join(out, 'schemas/spec.json'), `${JSON.stringify(specSchema(), undefined, 2)}\n`)
}

function declarations() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const config = join(out, 'tsconfig.json')
  const from = (file) => relative(out, join(root, file))
  writeFileSync(
    config,
    JSON.stringify({
      extends: `./${from('tsconfig.json')}`,
      compilerOptions: {
        noEmit: false,
        emitDeclarationOnly: true,
        rootDir: from('src'),
        outDir: './types',
        typeRoots: [from('node_modules/@types')],
      },
      files: [from(entries.index), from(entries.hcl)],
      include: [],
    }),
  )
  const { status } = spawnSync(process.execPath, [tsc, '-p', config], {
    cwd: root,
    stdio: 'inherit',
  })
  rmSync(config)
  if (status !== 0) process.exit(status ?? 1)
}
