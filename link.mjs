/**
 * The command's bundle as files that start fast: CommonJS, because the loader of modules alone costs a
 * quarter of an empty start; few files, because each costs as much as 15 kB of code; and what
 * another file has is loaded when something of it is first used.
 */
import { basename } from 'node:path'

/**
 * Links the chunks of an esbuild bundle (ESM, splitting) into a few files of CommonJS.
 *
 * @param transform esbuild's.
 * @param chunks By their names without folder and `.js`: `code`, `exports`, and `imports`, the names of
 *   the chunks that are loaded with it.
 * @param groups Lists of chunks, in order: each takes with it what its chunks import and no earlier
 *   group has. The first one is the program's beginning. Other chunks get a file each.
 * @returns By the name of the file, without `.cjs`: its text. The first group's file exports what its
 *   first chunk exports.
 */
export async function link(transform, target, chunks, groups) {
  const files = new Map()
  const home = new Map()
  const take = (chunk, file) => {
    if (home.has(chunk) || (own.get(chunk) ?? file) !== file) return
    home.set(chunk, file)
    files.set(file, [...(files.get(file) ?? []), chunk])
    for (const next of chunks.get(chunk).imports) take(next, file)
  }
  // What is a group's own is no part of what another one needs.
  const own = new Map(groups.flatMap(([file, first]) => first.map((chunk) => [chunk, file])))
  for (const [file, first] of groups) for (const chunk of first) take(chunk, file)
  for (const chunk of chunks.keys()) {
    if (home.has(chunk)) continue
    if (files.has(chunk)) throw new Error(`a group and a chunk are both called ${chunk}`)
    home.set(chunk, chunk)
    files.set(chunk, [chunk])
  }
  const [[start, [entry]]] = groups
  const texts = new Map()
  for (const [file, names] of files) {
    const table = []
    for (const name of names) {
      const { code } = await transform(chunks.get(name).code, {
        ...{ format: 'cjs', platform: 'node', target, minify: true, legalComments: 'none' },
        supported: { 'dynamic-import': false },
      })
      // In parentheses a function is compiled at once, and so only once.
      table.push(`${JSON.stringify(name)}:(function(exports,require,module){${code.trim()}\n})`)
    }
    texts.set(file, `"use strict";module.exports={\n${table.join(',\n')}};\n`)
  }
  // By file, each chunk with what it exports: the entry is read at every start, so it says each name once.
  const inFile = {}
  for (const [name, { exports }] of chunks) {
    const file = home.get(name)
    if (file !== start) (inFile[file] ??= []).push([name, ...exports].join(' '))
  }
  const later = Object.entries(inFile).map(([file, all]) => [file, all.join('|')])
  texts.set(
    start,
    texts
      .get(start)
      .replace('module.exports=', 'const table=')
      .concat(
        `const places={},exported={};\n`,
        `for(const [file,all] of ${JSON.stringify(later)})for(const one of all.split('|')){const [name,...keys]=one.split(' ');places[name]=file;exported[name]=keys}\n`,
        `(${loader.toString()})(table,places,exported,require,module,${JSON.stringify(entry)});\n`,
      ),
  )
  return texts
}

/**
 * Runs in the linked command. A chunk of a file that is not loaded yet is an object of getters, and the
 * first one that is asked loads the file.
 */
function loader(table, places, exported, load, module, entry) {
  const made = Object.create(null)
  const need = (path) => {
    if (path.charCodeAt(0) !== 46) return load(path)
    const name = path.slice(path.lastIndexOf('/') + 1, -3)
    return made[name] ?? (table[name] === undefined ? later(name) : run(name))
  }
  const run = (name) => {
    const chunk = { exports: {} }
    made[name] = chunk.exports
    table[name](chunk.exports, need, chunk)
    // Values instead of esbuild's getters, which a call in a loop would ask each time. The mark, which is
    // not enumerable, says that `default` is an export: without it each later import gets the whole as default.
    return (made[name] = { __esModule: true, ...chunk.exports })
  }
  const later = (name) => {
    let chunk
    const get = () => {
      if (table[name] === undefined) Object.assign(table, load(`./cli/${places[name]}.cjs`))
      return made[name] ?? run(name)
    }
    const it = { __esModule: true }
    for (const key of exported[name]) {
      Object.defineProperty(it, key, { enumerable: true, get: () => (chunk ??= get())[key] })
    }
    return it
  }
  module.exports = need(`./${entry}.js`)
}

/** The chunks of a build with `write: false` and `metafile: true`. */
export function chunksOf({ outputFiles, metafile }) {
  const code = new Map(outputFiles.map(({ path, text }) => [nameOf(path), text]))
  return new Map(
    Object.entries(metafile.outputs).map(([path, { imports, exports, inputs }]) => [
      nameOf(path),
      {
        code: code.get(nameOf(path)),
        exports,
        inputs: Object.keys(inputs),
        imports: imports
          .filter(({ kind, external }) => kind === 'import-statement' && external !== true)
          .map((one) => nameOf(one.path)),
      },
    ]),
  )
}

function nameOf(path) {
  return basename(path, '.js')
}
