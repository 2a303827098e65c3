package saml

// Parse is what reads XML before any signature is looked at.
var Parse = parse
