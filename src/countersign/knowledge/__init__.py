"""Knowledge agents: what they know, how they are asked, how their answers are checked."""
