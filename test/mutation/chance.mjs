/**
 * The least number of `asked` mutants that die in all but 1 of 100 samples of a room where `share` of all
 * its mutants die. Fewer is not chance.
 * @param {number} asked
 * @param {number} share
 */
export function leastByChance(asked, share) {
  // The binomial distribution, by logarithms: the first terms are too small for a number.
  let term = asked * Math.log(1 - share)
  let below = Math.exp(term)
  let killed = 0
  while (below < 0.01 && killed < asked) {
    term += Math.log((asked - killed) / (killed + 1)) + Math.log(share / (1 - share))
    killed += 1
    below += Math.exp(term)
  }
  return killed
}
