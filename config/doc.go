// Package config reads plumbline.yaml into plain data.
//
// Its one idea: a person who wrote a file learns of every mistake in it at once, each with its line, its column and, for a
// misspelt key, the key that was meant. Its one rule: it knows no implementation. Which CRMs and policies there are comes
// in with [Known], and settings are decoded into whatever structs the policies hand over.
package config
