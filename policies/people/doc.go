// Package people holds the catalogue's policies about the people who own deals.
//
// Its one idea: a number about a person is a reason to talk, not a verdict. Its one rule: these policies cost no points and offer
// advice alone.
package people
