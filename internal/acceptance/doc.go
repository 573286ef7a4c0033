// Package acceptance holds the tests of what Plumbline promises as a whole: a simulated portal, the connection by OAuth, the
// connector, the mirror, the store, the audit and the remedies, put together as the program does it.
//
// Its one idea: each test tells a story that a user could live through, and judges it by what the portal, the store and the
// metrics then show. Its one rule: no part is replaced; only the clock and the network are the test's own.
package acceptance
