"""Why a notification goes where it goes, by the operator's own decisions. Pure."""
