/**
 * Completions for shells, from the table of commands.
 *
 * @module
 */

import type { CompletionShell } from './completion-shells.js'

/** What can stand in one place: fixed words, or a kind that the command itself lists; `files` are the shell's. */
export type CompletionWords = readonly string[] | string

/** What completions need to know of an option. */
export interface CompletionOption {
  /** `-f, --file <file>` */
  readonly flags: string
  readonly summary: string
  readonly choices?: readonly string[]
  /** The kind of its value. */
  readonly value?: string
}

/** What completions need to know of a command. */
export interface CompletionCommand {
  /** `plan`, or `rotate leaves`. */
  readonly name: string
  readonly summary: string
  readonly options: readonly CompletionOption[]
  /** What its arguments can be; the last place stands for all that follow. Default: files. */
  readonly words?: readonly CompletionWords[]
}

/** What completions need to know of the first word of commands of two words. */
export interface CompletionFamily {
  readonly name: string
  readonly summary: string
}

/**
 * A script that the shell evaluates. Addresses, operators and the like are asked of the command
 * itself (`completion --list KIND`) when they are needed.
 *
 * @param shell For which.
 * @param commands What there is.
 * @param families The first words of commands of two words.
 * @param globals Options that hold everywhere.
 */
export function completionText(
  shell: CompletionShell,
  commands: readonly CompletionCommand[],
  families: readonly CompletionFamily[],
  globals: readonly CompletionOption[],
): string {
  const everywhere = [...globals, { flags: '-h, --help', summary: 'help' }]
  switch (shell) {
    case 'bash':
      return bash(commands, families, everywhere)
    case 'zsh':
      return zsh(commands, families, everywhere)
    case 'fish':
      return fish(commands, families, everywhere)
  }
}

/** Words as one token of a script: `=a b c` for fixed ones, `kind`, or nothing. */
function token(words: CompletionWords): string {
  return typeof words === 'string' ? words : `=${words.join(' ')}`
}

/** What the value of an option can be; `undefined` where nobody knows. */
function valuesOf({ flags, choices, value }: CompletionOption): CompletionWords | undefined {
  if (choices !== undefined) return choices
  if (value !== undefined) return value
  return /<(?:file|path|folder|config)(?:\.\.\.)?>/.test(flags) ? 'files' : undefined
}

/** Whether the next word is its value. */
function takesValue({ flags }: CompletionOption): boolean {
  return flags.includes('<')
}

/** First words: commands of one word, and families. */
function firstWords(
  commands: readonly CompletionCommand[],
  families: readonly CompletionFamily[],
): readonly { readonly name: string; readonly summary: string }[] {
  return [...commands.filter(({ name }) => !name.includes(' ')), ...families]
}

/** `leaves` and `authority` of `rotate`. */
function secondWords(
  family: string,
  commands: readonly CompletionCommand[],
): readonly { readonly name: string; readonly summary: string }[] {
  return commands
    .filter(({ name }) => name.startsWith(`${family} `))
    .map(({ name, summary }) => ({ name: name.slice(family.length + 1), summary }))
}

function namesIn(all: readonly { readonly name: string }[]): string {
  return all.map(({ name }) => name).join(' ')
}

function bash(
  commands: readonly CompletionCommand[],
  families: readonly CompletionFamily[],
  globals: readonly CompletionOption[],
): string {
  const flagsOf = (options: readonly CompletionOption[]): string =>
    options.flatMap(namesOf).join(' ')
  const cases = commands.map(({ name, options, words = ['files'] }) => {
    const all = [...options, ...globals]
    const values = all.filter(takesValue).map((option) => {
      const known = valuesOf(option)
      return `${namesOf(option).join(' | ')}) words=${quoted(known === undefined ? '=' : token(known))} ;;`
    })
    return `    '${name}')
      flags='${flagsOf(all)}'
      places=(${words.map((one) => quoted(token(one))).join(' ')})
      case $before in
      ${values.join('\n      ')}
      esac
      ;;`
  })
  const second = families.map(
    ({ name }) => `    ${name}) words='=${namesIn(secondWords(name, commands))}' ;;`,
  )
  const valued = [...new Set([...commands.flatMap(({ options }) => options), ...globals])]
    .filter(takesValue)
    .flatMap(namesOf)
  return `# nomad-pki: eval "$(nomad-pki completion bash)"
_nomad_pki() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  local command='' flags='' words='' file='' count=0 at word
  local -a places=()
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    case $word in
    -f | --file) file=\${COMP_WORDS[at + 1]} ;;
    esac
    case $word in
    ${[...new Set(valued)].join(' | ')}) ((at++)) ;;
    -*) ;;
    *)
      if [[ -z $command ]]; then
        command=$word
      else
        case $command in
        ${families.map(({ name }) => name).join(' | ')}) command="$command $word" ;;
        *) ((count++)) ;;
        esac
      fi
      ;;
    esac
  done
  case $command in
    '')
      flags='${flagsOf(globals)} --version'
      words='=${namesIn(firstWords(commands, families))}'
      ;;
${[...second, ...cases].join('\n')}
  esac
  if [[ -z $words && \${#places[@]} -gt 0 ]]; then
    ((count < \${#places[@]})) || count=$((\${#places[@]} - 1))
    words=\${places[count]}
  fi
  if [[ $current == -* && $words != '=' ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
    return
  fi
  case $words in
  '=' | '') ;;
  '='*) COMPREPLY=($(compgen -W "\${words#=}" -- "$current")) ;;
  files)
    local IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$current"))
    ;;
  *) COMPREPLY=($(compgen -W "$(nomad-pki completion --list "$words" \${file:+--file "$file"} 2>/dev/null)" -- "$current")) ;;
  esac
}
complete -o filenames -F _nomad_pki nomad-pki
`
}

function zsh(
  commands: readonly CompletionCommand[],
  families: readonly CompletionFamily[],
  globals: readonly CompletionOption[],
): string {
  const cases = commands.map(({ name, options, words = ['files'] }) => {
    const specs = [...options, ...globals].flatMap((option) =>
      namesOf(option).map(
        (flag) => `      '${flag}[${zshSafe(option.summary)}]${zshValue(option)}'`,
      ),
    )
    const places = words.map((one, at) => {
      const place = at === words.length - 1 ? '*' : String(at + 1)
      return `'${place}:argument:${zshAction(one)}'`
    })
    return `    '${name}')\n      _arguments \\\n${specs.join(' \\\n')} \\\n      ${places.join(' \\\n      ')}\n      ;;`
  })
  const described = (all: readonly { readonly name: string; readonly summary: string }[]): string =>
    all.map(({ name, summary }) => `    '${name}:${zshSafe(summary)}'`).join('\n')
  const second = families.map(
    ({ name }) => `  ${name})
    if ((CURRENT == 3)); then
      commands=(
${described(secondWords(name, commands))}
      )
      _describe command commands
      return
    fi
    command="$command \${words[3]}"
    shift words
    ((CURRENT--))
    ;;`,
  )
  return `#compdef nomad-pki
# nomad-pki: eval "$(nomad-pki completion zsh)"
_nomad_pki_list() {
  local -a found
  local file=\${opt_args[--file]:-\${opt_args[-f]}}
  found=(\${(f)"$(nomad-pki completion --list $1 \${file:+--file $file} 2>/dev/null)"})
  compadd -a found
}
_nomad_pki() {
  local -a commands
  local -A opt_args
  commands=(
${described(firstWords(commands, families))}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=\${words[2]}
  case $command in
${second.join('\n')}
  esac
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
compdef _nomad_pki nomad-pki
`
}

function zshAction(words: CompletionWords): string {
  if (words === 'files') return '_files'
  return typeof words === 'string' ? `{_nomad_pki_list ${words}}` : `(${words.join(' ')})`
}

function zshValue(option: CompletionOption): string {
  const name = /<(.*?)>/.exec(option.flags)?.[1]
  if (name === undefined) return ''
  const values = valuesOf(option)
  return `:${zshSafe(name)}:${values === undefined ? '' : zshAction(values)}`
}

function fish(
  commands: readonly CompletionCommand[],
  families: readonly CompletionFamily[],
  globals: readonly CompletionOption[],
): string {
  const lines = [
    '# nomad-pki: nomad-pki completion fish | source',
    ...fishList,
    'complete -c nomad-pki -f',
  ]
  const says = (when: string, name: string, summary: string): string =>
    `complete -c nomad-pki -n '${when}' -a ${name} -d '${fishSafe(summary)}'`
  for (const option of globals) lines.push(`complete -c nomad-pki${fishOption(option)}`)
  for (const { name, summary } of firstWords(commands, families)) {
    lines.push(says('__fish_use_subcommand', name, summary))
  }
  for (const { name } of families) {
    const all = secondWords(name, commands)
    const when = `__fish_seen_subcommand_from ${name}; and not __fish_seen_subcommand_from ${namesIn(all)}`
    for (const { name: word, summary } of all) lines.push(says(when, word, summary))
  }
  for (const { name, options, words = ['files'] } of commands) {
    const seen = name.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`)
    const when = `-n '${seen.join('; and ')}'`
    for (const option of options) lines.push(`complete -c nomad-pki ${when}${fishOption(option)}`)
    // Fish counts no arguments: every place offers what any of them can be.
    for (const one of words) {
      if (one === 'files') lines.push(`complete -c nomad-pki ${when} -F`)
      else if (typeof one === 'string') {
        lines.push(`complete -c nomad-pki ${when} -a '(__nomad_pki_list ${one})'`)
      } else if (one.length > 0) {
        lines.push(`complete -c nomad-pki ${when} -a '${one.join(' ')}'`)
      }
    }
  }
  return `${lines.join('\n')}\n`
}

const fishList: readonly string[] = [
  'function __nomad_pki_list',
  "  set -l file (string match -r -g -- '(?:^|\\s)(?:-f|--file)[ =](\\S+)' (commandline -p))",
  '  if test -n "$file"',
  '    nomad-pki completion --list $argv[1] --file $file[1] 2>/dev/null',
  '  else',
  '    nomad-pki completion --list $argv[1] 2>/dev/null',
  '  end',
  'end',
]

function fishOption(option: CompletionOption): string {
  const names = namesOf(option).map((flag) =>
    flag.startsWith('--') ? ` -l ${flag.slice(2)}` : ` -s ${flag.slice(1)}`,
  )
  const values = takesValue(option) ? valuesOf(option) : undefined
  const given =
    values === undefined
      ? takesValue(option)
        ? ' -x'
        : ''
      : values === 'files'
        ? ' -r -F'
        : typeof values === 'string'
          ? ` -x -a '(__nomad_pki_list ${values})'`
          : ` -x -a '${values.join(' ')}'`
  return `${names.join('')}${given} -d '${fishSafe(option.summary)}'`
}

/** `-f` and `--file` of `-f, --file <file>` */
function namesOf({ flags }: CompletionOption): readonly string[] {
  return flags
    .replace(/[<[].*$/, '')
    .split(',')
    .map((flag) => flag.trim())
}

function quoted(text: string): string {
  return `'${text}'`
}

function zshSafe(text: string): string {
  return text.replace(/[\\[\]:]/g, (character) => `\\${character}`).replaceAll("'", `'\\''`)
}

function fishSafe(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
}
