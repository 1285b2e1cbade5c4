/* only
 a comment */
// and one
