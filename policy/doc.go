// Package policy reads and prints the IAM JSON policy language.
package policy
