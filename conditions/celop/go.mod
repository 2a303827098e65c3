module github.com/rowan-authz/rowan/conditions/celop

go 1.26.0

require (
	github.com/google/cel-go v0.31.0
	github.com/rowan-authz/rowan v0.0.0
	github.com/stretchr/testify v1.12.1
)

replace github.com/rowan-authz/rowan => ../../
