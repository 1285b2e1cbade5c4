/**
 * What a traced tree of processes did with secrets: the lines of `strace -f -y`.
 *
 * @module
 */

/** Calls that show where bytes go, and who may read them there. */
export const traced =
  'trace=execve,umask,openat,open,creat,mkdir,mkdirat,chmod,fchmod,fchmodat,write,writev,pwrite64,sendfile,sendfile64,copy_file_range,clone,clone3,fork,vfork'

/** What was seen. */
export interface Trace {
  /** Programs that were started. */
  readonly started: number
  /** Arguments and environments that held one of the secrets. */
  readonly told: readonly string[]
  /** Files that one of the secrets was written to, and the rights with which they were made. */
  readonly written: readonly { readonly file: string; readonly mode: number | undefined }[]
  /** Rights that were given to others, of files that secrets were written to. */
  readonly opened: readonly string[]
}

interface Mask {
  readonly at: number
  readonly umask: number
}

/** Calls that strace wrote in two parts, because another process did something in between, as one line each. */
function wholeCalls(lines: readonly string[]): readonly string[] {
  const begun = new Map<string, string>()
  const whole = lines.flatMap((line) => {
    const [, pid = '', call = ''] = /^([0-9]+) +(.*)$/.exec(line) ?? []
    const first = /^(.*) <unfinished \.\.\.>$/.exec(call)?.[1]
    if (first !== undefined) {
      begun.set(pid, first)
      return []
    }
    const rest = /^<\.\.\. \w+ resumed>(.*)$/.exec(call)?.[1]
    const start = begun.get(pid)
    if (rest === undefined || start === undefined) return [line]
    begun.delete(pid)
    return [`${pid} ${start}${rest}`]
  })
  // What never came back was done all the same.
  return [...whole, ...[...begun].map(([pid, call]) => `${pid} ${call}`)]
}

/**
 * Reads a trace.
 *
 * @param seen What strace wrote, with process numbers and the paths of descriptors.
 * @param secrets Bytes that nobody else may read, as strace prints them.
 */
export function readTrace(seen: readonly string[], secrets: readonly string[]): Trace {
  const lines = wholeCalls(seen)
  const masks = new Map<string, Mask[]>()
  const parents = new Map<string, { readonly pid: string; readonly at: number }>()
  for (const [at, line] of lines.entries()) {
    const [, pid = '', call = ''] = /^([0-9]+) +(.*)$/.exec(line) ?? []
    const mask = /^umask\((0[0-7]*)\)/.exec(call)?.[1]
    if (mask !== undefined) {
      masks.set(pid, [...(masks.get(pid) ?? []), { at, umask: Number.parseInt(mask, 8) }])
    }
    // The number in the host's own namespace comes first.
    const [, inner, outer] =
      /^(?:<\.\.\. )?(?:v?fork|clone3?)\b.* = ([0-9]+)(?: \/\* ([0-9]+) in strace's PID NS \*\/)?$/.exec(
        call,
      ) ?? []
    const child = outer ?? inner
    if (child !== undefined) parents.set(child, { pid, at })
  }
  const umaskOf = (pid: string, at: number): number | undefined => {
    const own = masks.get(pid)?.findLast((one) => one.at <= at)
    if (own !== undefined) return own.umask
    const parent = parents.get(pid)
    return parent === undefined ? undefined : umaskOf(parent.pid, parent.at)
  }
  const isSecret = (text: string): boolean => secrets.some((one) => text.includes(one))
  const told: string[] = []
  const written: { file: string; mode: number | undefined }[] = []
  const modes = new Map<string, number>()
  let started = 0
  for (const [at, line] of lines.entries()) {
    const [, pid = '', call = ''] = /^([0-9]+) +(.*)$/.exec(line) ?? []
    if (call.startsWith('execve(')) {
      started += 1
      if (isSecret(call)) told.push(call.slice(0, 200))
    }
    const [, asked = '', made] =
      /^(?:openat|open|creat)\(.*, 0([0-7]+)\) = [0-9]+<(\/[^>]*)>$/.exec(call) ?? []
    if (made !== undefined && /O_CREAT|^creat/.test(call)) {
      modes.set(made, Number.parseInt(asked, 8) & ~(umaskOf(pid, at) ?? 0))
    }
    const file = /^(?:p?write(?:v|64)?)\([0-9]+<(\/[^>]*)>/.exec(call)?.[1]
    // BusyBox has the kernel copy: the bytes are not in the trace, and the paths are.
    const [, to = '', from = ''] =
      /^sendfile(?:64)?\([0-9]+<(\/[^>]*)>, [0-9]+<(\/[^>]*)>/.exec(call) ?? []
    if (written.some((one) => one.file === from)) written.push({ file: to, mode: modes.get(to) })
    if (file !== undefined && isSecret(call)) {
      written.push({ file, mode: modes.get(file) })
    }
  }
  // A folder may be open: what counts is the file.
  const opened = lines.filter((line) => {
    const [, rest = ''] = /^[0-9]+ +f?chmod(?:at)?\((.*)$/.exec(line) ?? []
    const mode = /, 0([0-7]+)\)/.exec(rest)?.[1]
    if (mode === undefined || (Number.parseInt(mode, 8) & 0o077) === 0) return false
    return written.some(({ file }) => rest.includes(`"${file}"`) || rest.includes(`<${file}>`))
  })
  return { started, told, written, opened }
}
