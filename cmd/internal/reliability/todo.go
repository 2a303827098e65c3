package main

import (
	"context"
	"errors"
)

func todo(context.Context, *lab) (string, error) { return "", errNotBuilt }

var (
	diskFullTarget, clockTarget, keySetTarget                    = todo, todo, todo
	databaseTarget, partitionTarget, memoryTarget, hostileTarget = todo, todo, todo, todo
	hostilePolicyTarget                                          = todo
	soakTarget                                                   = target{id: "soak", run: todo}
)

func runControls(context.Context, *lab, any) error { return errNotBuilt }

type postgres struct{}

func startPostgres() (*postgres, error)                      { return nil, errors.New("todo") }
func (*postgres) stop()                                      {}
func (*postgres) database(context.Context) (string, error) { return "", errNotBuilt }
