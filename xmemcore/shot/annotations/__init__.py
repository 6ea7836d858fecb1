"""Annotations: masks or roto, object by object. Public: annotations, masks, roto, objects, host_alpha."""
