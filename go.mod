module github.com/rowan-authz/rowan

go 1.26.0
