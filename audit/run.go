package audit

import "context"

func run(context.Context, Input) (*Result, error) { return nil, nil }
