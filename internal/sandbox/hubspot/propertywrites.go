package hubspot

func (p *portal) serveProperties(c *call) (any, error) {
	return results(p.properties(c.kind).list(c.flag("archived"), c.now)), nil
}

func (p *portal) serveProperty(c *call) (any, error) {
	prop := p.properties(c.kind).byName[c.path("name")]
	if prop == nil || prop.Archived != c.flag("archived") || c.now.Before(prop.visibleFrom) {
		return nil, notFound("No properties found for name %s.", c.path("name"))
	}
	return prop.copyOf(), nil
}
