// Package design holds the catalogue's policies about pipelines and their stages.
//
// Its one idea: a portal's set-up is judged by how deals really go through it. Its one rule: whoever designed a pipeline
// changes it; these policies give advice and no more.
package design
