// Package archtest holds the test that keeps the shape of the code: who may import whom, and how long files and functions
// may grow. It has no code of its own.
package archtest
