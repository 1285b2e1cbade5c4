/**
 * Which error codes can reach the caller of a function, as far as its text shows: those that it makes,
 * those of the functions that it names, and those that ports document. What a `catch` swallows is left
 * out.
 *
 * @module
 */

import path from 'node:path'
import ts from 'typescript'

/** What one function does by itself. */
interface Facts {
  readonly codes: Set<string>
  readonly uses: Set<ts.Symbol>
}

/** The codes of a program's functions. */
export class ErrorReach {
  readonly #checker: ts.TypeChecker
  readonly #folder: string
  readonly #facts = new Map<string, Map<ts.Symbol, Facts>>()

  /** @param folder Only what is declared below it is looked into. */
  constructor(checker: ts.TypeChecker, folder: string) {
    this.#checker = checker
    this.#folder = folder + path.sep
  }

  /** The codes in the `@throws` of a declaration. */
  documented(node: ts.Node): Set<string> {
    const tags = ts.getJSDocTags(node).filter(ts.isJSDocThrowsTag)
    return new Set(tags.flatMap((tag) => tag.getText().match(/ERR_[A-Z_]+/g) ?? []))
  }

  /** Each code with the functions on the way to it. Functions that are handed back are not called here. */
  of(symbol: ts.Symbol): ReadonlyMap<string, readonly string[]> {
    return this.#walk(symbol, false)
  }

  /** The same, with those that functions that are handed back throw. */
  atMost(symbol: ts.Symbol): ReadonlyMap<string, readonly string[]> {
    return this.#walk(symbol, true)
  }

  #walk(from: ts.Symbol, handed: boolean): Map<string, readonly string[]> {
    const found = new Map<string, readonly string[]>()
    const seen = new Set([from])
    const open: [ts.Symbol, readonly string[]][] = [[from, []]]
    for (const [symbol, way] of open) {
      const { codes, uses } = this.#factsOf(symbol, handed)
      for (const code of codes) if (!found.has(code)) found.set(code, [...way, symbol.name])
      for (const used of uses) {
        if (!seen.has(used)) open.push([used, [...way, symbol.name]])
        seen.add(used)
      }
    }
    return found
  }

  #factsOf(symbol: ts.Symbol, handed: boolean): Facts {
    const all = this.#facts.get(String(handed)) ?? new Map<ts.Symbol, Facts>()
    this.#facts.set(String(handed), all)
    const before = all.get(symbol)
    if (before !== undefined) return before
    const facts: Facts = { codes: new Set(), uses: new Set() }
    all.set(symbol, facts)
    for (const declaration of symbol.declarations ?? []) {
      if (!this.#isOurs(declaration)) continue
      if (ts.isMethodSignature(declaration) || ts.isPropertySignature(declaration)) {
        for (const code of this.documented(declaration)) facts.codes.add(code)
      } else if (ts.isClassDeclaration(declaration)) {
        // Its methods are functions of their own.
        for (const member of declaration.members) {
          if (ts.isConstructorDeclaration(member) || ts.isPropertyDeclaration(member)) {
            this.#look(member, member, facts, false, handed)
          }
        }
      } else if (!ts.isInterfaceDeclaration(declaration)) {
        this.#look(declaration, declaration, facts, false, handed)
      }
    }
    return facts
  }

  #look(node: ts.Node, top: ts.Node, facts: Facts, caught: boolean, handed: boolean): void {
    if (ts.isTypeNode(node)) return
    if (!handed && node !== top && ts.isFunctionLike(node) && isHandedBack(node)) return
    if (ts.isTryStatement(node)) {
      const { tryBlock, catchClause, finallyBlock } = node
      const swallowed = catchClause !== undefined && !throwsAgain(catchClause)
      this.#look(tryBlock, top, facts, caught || swallowed, handed)
      for (const block of [catchClause?.block, finallyBlock]) {
        if (block !== undefined) this.#look(block, top, facts, caught, handed)
      }
      return
    }
    if (!caught && ts.isNewExpression(node) && node.expression.getText() === 'NomadPkiError') {
      for (const code of node.arguments?.[0]?.getText().match(/ERR_[A-Z_]+/g) ?? []) {
        facts.codes.add(code)
      }
    }
    if (!caught && ts.isIdentifier(node)) {
      const used = this.#functionAt(node)
      if (used !== undefined) facts.uses.add(used)
    }
    ts.forEachChild(node, (child) => this.#look(child, top, facts, caught, handed))
  }

  #functionAt(node: ts.Identifier): ts.Symbol | undefined {
    const found = this.#checker.getSymbolAtLocation(node)
    if (found === undefined) return undefined
    const aliased = (found.flags & ts.SymbolFlags.Alias) !== 0
    const symbol = aliased ? this.#checker.getAliasedSymbol(found) : found
    const [declaration] = symbol.declarations ?? []
    if (declaration === undefined || !this.#isOurs(declaration)) return undefined
    const counts =
      ts.isFunctionDeclaration(declaration) ||
      ts.isMethodDeclaration(declaration) ||
      ts.isMethodSignature(declaration) ||
      (ts.isClassDeclaration(declaration) && ts.isNewExpression(node.parent)) ||
      (ts.isVariableDeclaration(declaration) && ts.isSourceFile(declaration.parent.parent.parent))
    return counts ? symbol : undefined
  }

  #isOurs(declaration: ts.Declaration): boolean {
    return path.normalize(declaration.getSourceFile().fileName).startsWith(this.#folder)
  }
}

/** Whether a `catch` throws what it caught. */
function throwsAgain({ variableDeclaration, block }: ts.CatchClause): boolean {
  const name = variableDeclaration?.name.getText()
  const visit = (node: ts.Node): boolean =>
    (ts.isThrowStatement(node) && node.expression.getText() === name) ||
    (ts.forEachChild(node, visit) ?? false)
  return visit(block)
}

/** Whether a function is what another one returns, alone or in an object. */
function isHandedBack(node: ts.Node): boolean {
  let child = node
  let parent = node.parent
  for (;;) {
    if (ts.isReturnStatement(parent)) return true
    if (ts.isArrowFunction(parent)) return parent.body === child
    const holds =
      ts.isPropertyAssignment(parent) ||
      ts.isObjectLiteralExpression(parent) ||
      ts.isParenthesizedExpression(parent) ||
      ts.isAsExpression(parent) ||
      ts.isConditionalExpression(parent) ||
      ts.isSpreadAssignment(parent)
    if (!holds) return false
    child = parent
    parent = parent.parent
  }
}
