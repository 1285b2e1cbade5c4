/**
 * `advertise` and its like: a host, or a host and a port.
 *
 * @module
 */

import { isIP } from 'node:net'

/**
 * Reads `10.0.0.1`, `10.0.0.1:4646`, `::1`, `[::1]:4646` or a host's name with or without a port.
 *
 * @param text As Nomad takes it (command/agent/config.go normalizeAdvertise).
 * @returns `undefined` for what is neither.
 */
export function parseHostPort(
  text: string,
): { readonly host: string; readonly port?: number | undefined } | undefined {
  if (isIP(text) !== 0) return { host: text }
  const { six, host, digits } =
    /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:[\]]+))(?::(?<digits>[0-9]{1,5}))?$/.exec(text)?.groups ?? {}
  const found = six ?? host
  if (found === undefined || (six !== undefined && isIP(six) !== 6)) return undefined
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined
  return { host: found, port }
}
