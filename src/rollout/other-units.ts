/**
 * The unit of an agent that goes by another name than the spec says.
 *
 * @module
 */

/** Tells which units with `nomad` in their names run, where the one of the spec does not; after `unit_state`. */
export const otherUnits = `[ "$running" = yes ] ||
  systemctl list-units --plain --no-legend --type=service --state=active '*nomad*' 2>/dev/null |
  head -n 5 | while read -r name rest; do
  case $name in nomad-pki*) ;; *.service) say other "$name" ;; esac
done`

/**
 * Says what the spec has to name.
 *
 * @param seen `unit`: what `systemctl is-active` says of the unit of the spec, or `absent`; `others`: what
 *   {@link otherUnits} told.
 */
export function unitRemedy({
  unit,
  others: [first, ...more],
}: {
  readonly unit: string
  readonly others: readonly string[]
}): string {
  if (unit === 'absent') {
    return 'the host has no systemd: say ssh: false at the node, and have its agent load the files yourself'
  }
  if (first === undefined) {
    return "the spec must name its unit, node: { unit: NAME.service }: on the host, systemctl status PID shows it, with the agent's PID"
  }
  return more.length === 0
    ? `${first} runs there: where that is the agent, say node: { unit: ${first} } in the spec`
    : `${[first, ...more].join(', ')} run there: the spec must name the agent's, node: { unit: NAME.service }`
}
