// Package mail delivers the messages of user pools: by SMTP, or for
// development into a sink that shows and keeps them.
package mail
