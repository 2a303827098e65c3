//go:build js && wasm

// Command wasm is the playground's answers in a browser: it gives the page a
// function rowanAnswer, from the JSON of a question to the JSON of the answer.
package main

import (
	"context"
	"syscall/js"
	"time"

	"github.com/rowan-authz/rowan/cmd/internal/playground"
)

func main() {
	js.Global().Set("rowanAnswer", js.FuncOf(func(_ js.Value, args []js.Value) any {
		if len(args) != 1 || args[0].Type() != js.TypeString {
			return `{"error":"a question is a text"}`
		}
		return string(playground.Answer(context.Background(), []byte(args[0].String()), time.Now))
	}))
	select {} // the function is called for as long as the page is open
}
