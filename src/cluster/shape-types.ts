/**
 * The small language in which `shape.ts` describes the spec.
 *
 * @module
 */

/** What a value can be. */
export type Shape =
  | TextShape
  | ChoiceShape
  | FlagShape
  | CountShape
  | ListShape
  | RecordShape
  | MapShape
  | EitherShape

/** A text; spans of time are texts too. */
export interface TextShape {
  readonly kind: 'text'
  /** What it is, after "expected": `a path`. */
  readonly words: string
  /** A regular expression that the whole text must match. */
  readonly pattern?: string | undefined
  /** Code points. */
  readonly maxLength?: number | undefined
  /** Code of a text that doesn't match. */
  readonly code?: 'spec/value' | 'spec/name' | undefined
  /** Says more exactly what is wrong with a text that does not match: a clause about it. */
  readonly explain?: ((text: string) => Explanation | undefined) | undefined
  /** Reads as milliseconds. */
  readonly duration?: true | undefined
  /** What is right where `false` is written: text in quotes would mean something else. */
  readonly insteadOfFalse?: string | undefined
}

/** Why a text does not fit. */
export interface Explanation {
  readonly message: string
  readonly hint?: string | undefined
}

/** One of a few words. */
export interface ChoiceShape {
  readonly kind: 'choice'
  readonly values: readonly string[]
  /** Words that users may well write, and why they are not taken. */
  readonly refused?: Readonly<Record<string, string>> | undefined
}

/** `true` or `false`, or only one of them. */
export interface FlagShape {
  readonly kind: 'flag'
  readonly only?: boolean | undefined
}

/** A whole number. */
export interface CountShape {
  readonly kind: 'count'
  readonly min: number
  readonly max: number
}

/** A list of like values. */
export interface ListShape {
  readonly kind: 'list'
  readonly of: Shape
  readonly min?: number | undefined
  /** How many items at most: what is done with a list can cost its square. */
  readonly max: number
}

/** A map with known keys. */
export interface RecordShape {
  readonly kind: 'record'
  readonly fields: readonly Field[]
  /** Keys that users may well write, and what to do instead. */
  readonly refused?: Readonly<Record<string, string>> | undefined
  /** Among several records of one place: it is meant where one of these keys stands. */
  readonly when?: readonly string[] | undefined
}

/** A map with keys of the user's choice. */
export interface MapShape {
  readonly kind: 'map'
  /** What the keys are. */
  readonly key: TextShape
  /** Whether a key may be written as a number, without quotes. */
  readonly numericKeys?: true | undefined
  /** How the reference calls such a key: `<node>`. */
  readonly keyName: string
  readonly of: Shape
  /** Keys that mean something else. */
  readonly named?: readonly Field[] | undefined
}

/** Shapes of different YAML types. */
export interface EitherShape {
  readonly kind: 'either'
  readonly of: readonly Shape[]
}

/** One key of a record: all that parser, schema and reference know about it. */
export interface Field {
  readonly key: string
  readonly shape: Shape
  readonly required?: true | undefined
  /** The default, in words. */
  readonly default?: string | undefined
  /** The unit, where the type does not say it. */
  readonly unit?: string | undefined
  /** One sentence, for the reference and the schema: upper case, full stop. */
  readonly sentence: string
  /** As one would write it in YAML. */
  readonly example?: string | undefined
}
