// Package vocabulary reads the names that people give to stages and to the reasons why deals were lost, in English, French,
// German, Spanish, Italian, Portuguese, Dutch, Turkish, simplified and traditional Chinese, and Japanese.
//
// Its one idea: words are data, in tables beside the code. Its one rule: not to know a name is an answer; nothing is guessed.
package vocabulary
