/**
 * Completions for shells, from the table of commands.
 *
 * @module
 */

/** The shells. */
export const completionShells = ['bash', 'zsh', 'fish'] as const

/** A shell. */
export type CompletionShell = (typeof completionShells)[number]

/** What completions need to know of an option. */
export interface CompletionOption {
  /** `-f, --file <file>` */
  readonly flags: string
  readonly summary: string
}

/** What completions need to know of a command. */
export interface CompletionCommand {
  readonly name: string
  readonly summary: string
  readonly options: readonly CompletionOption[]
  /** What its first argument can be; file names where there are none. */
  readonly words?: readonly string[]
}

/**
 * A script that the shell evaluates.
 *
 * @param shell For which.
 * @param commands What there is.
 * @param globals Options that hold everywhere.
 */
export function completionText(
  shell: CompletionShell,
  commands: readonly CompletionCommand[],
  globals: readonly CompletionOption[],
): string {
  const everywhere = [...globals, { flags: '-h, --help', summary: 'help' }]
  switch (shell) {
    case 'bash':
      return bash(commands, everywhere)
    case 'zsh':
      return zsh(commands, everywhere)
    case 'fish':
      return fish(commands, everywhere)
  }
}

function bash(
  commands: readonly CompletionCommand[],
  globals: readonly CompletionOption[],
): string {
  const cases = commands.map(({ name, options, words = [] }) => {
    const flags = [...options, ...globals].flatMap(namesOf).join(' ')
    return `    ${name}) flags='${flags}' words='${words.join(' ')}' ;;`
  })
  return `# nomad-pki: eval "$(nomad-pki completion bash)"
_nomad_pki() {
  local current=\${COMP_WORDS[COMP_CWORD]} command='' flags='' words='' at
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
    ${commands.map(({ name }) => name).join(' | ')})
      command=\${COMP_WORDS[at]}
      break
      ;;
    esac
  done
  case $command in
    '') flags='${globals.flatMap(namesOf).join(' ')} --version' words='${commands
      .map(({ name }) => name)
      .join(' ')}' ;;
${cases.join('\n')}
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    local IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _nomad_pki nomad-pki
`
}

function zsh(commands: readonly CompletionCommand[], globals: readonly CompletionOption[]): string {
  const cases = commands.map(({ name, options, words = [] }) => {
    const specs = [...options, ...globals].flatMap((option) =>
      namesOf(option).map(
        (flag) => `      '${flag}[${zshSafe(option.summary)}]${valueOf(option)}'`,
      ),
    )
    const rest = words.length > 0 ? `'*:what:(${words.join(' ')})'` : "'*:file:_files'"
    return `    ${name})\n      _arguments \\\n${specs.join(' \\\n')} \\\n      ${rest}\n      ;;`
  })
  return `#compdef nomad-pki
# nomad-pki: eval "$(nomad-pki completion zsh)"
_nomad_pki() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    '${name}:${zshSafe(summary)}'`).join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=\${words[2]}
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
compdef _nomad_pki nomad-pki
`
}

function fish(
  commands: readonly CompletionCommand[],
  globals: readonly CompletionOption[],
): string {
  const lines = ['# nomad-pki: nomad-pki completion fish | source', 'complete -c nomad-pki -f']
  for (const option of globals) lines.push(`complete -c nomad-pki${fishOption(option)}`)
  for (const { name, summary, options, words = [] } of commands) {
    lines.push(
      `complete -c nomad-pki -n __fish_use_subcommand -a ${name} -d '${fishSafe(summary)}'`,
    )
    const when = `-n '__fish_seen_subcommand_from ${name}'`
    for (const option of options) lines.push(`complete -c nomad-pki ${when}${fishOption(option)}`)
    lines.push(
      words.length > 0
        ? `complete -c nomad-pki ${when} -a '${words.join(' ')}'`
        : `complete -c nomad-pki ${when} -F`,
    )
  }
  return `${lines.join('\n')}\n`
}

function fishOption(option: CompletionOption): string {
  const names = namesOf(option).map((flag) =>
    flag.startsWith('--') ? ` -l ${flag.slice(2)}` : ` -s ${flag.slice(1)}`,
  )
  const value = option.flags.includes('<') ? ' -r' : ''
  return `${names.join('')}${value} -d '${fishSafe(option.summary)}'`
}

/** `-f` and `--file` of `-f, --file <file>` */
function namesOf({ flags }: CompletionOption): readonly string[] {
  return flags
    .replace(/[<[].*$/, '')
    .split(',')
    .map((flag) => flag.trim())
}

function valueOf({ flags }: CompletionOption): string {
  const name = /<(.*?)>/.exec(flags)?.[1]
  if (name === undefined) return ''
  return name === 'file' || name === 'path' ? `:${name}:_files` : `:${name}:`
}

function zshSafe(text: string): string {
  return text.replace(/[\\[\]:]/g, (character) => `\\${character}`).replaceAll("'", `'\\''`)
}

function fishSafe(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
}
