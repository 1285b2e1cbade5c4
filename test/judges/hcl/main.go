// Judge of test/judges/hcl.test.ts: reads texts, one JSON string a line, and answers each with one
// line: what Nomad's own HCL 1 makes of it, token by token with line and column, or its error.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/hcl"
	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/token"
)

type verdict struct {
	Error string  `json:"error,omitempty"`
	Nodes [][]any `json:"nodes"`
}

// at gives line and column; tokens out of JSON have none.
func at(p token.Pos) string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

func value(t token.Token) any {
	switch t.Type {
	case token.STRING, token.HEREDOC, token.IDENT:
		return t.Value()
	}
	return t.Text
}

func walk(n ast.Node, out *[][]any) {
	switch n := n.(type) {
	case *ast.ObjectList:
		for _, item := range n.Items {
			for _, key := range item.Keys {
				*out = append(*out, []any{"key", at(key.Pos()), value(key.Token)})
			}
			walk(item.Val, out)
		}
	case *ast.ObjectType:
		*out = append(*out, []any{"{", at(n.Lbrace)})
		walk(n.List, out)
		*out = append(*out, []any{"}", at(n.Rbrace)})
	case *ast.ListType:
		*out = append(*out, []any{"[", at(n.Lbrack)})
		for _, item := range n.List {
			walk(item, out)
		}
		*out = append(*out, []any{"]", at(n.Rbrack)})
	case *ast.LiteralType:
		*out = append(*out, []any{strings.ToLower(n.Token.Type.String()), at(n.Pos()), value(n.Token)})
	default:
		panic(fmt.Sprintf("unknown node %T", n))
	}
}

func judge(text string) (v verdict) {
	v.Nodes = [][]any{}
	defer func() {
		if r := recover(); r != nil {
			v = verdict{Error: fmt.Sprint("panic: ", r), Nodes: [][]any{}}
		}
	}()
	file, err := hcl.ParseString(text)
	if err != nil {
		v.Error = err.Error()
		return v
	}
	walk(file.Node, &v.Nodes)
	return v
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			return
		}
		var text string
		if err := json.Unmarshal(line, &text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := encoder.Encode(judge(text)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
