package main

import (
	"context"
)

func todo(context.Context, *lab) (string, error) { return "", errNotBuilt }

var (
	soakTarget = target{id: "soak", run: todo}
)

func runControls(context.Context, *lab, any) error { return errNotBuilt }
