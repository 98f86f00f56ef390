"""Secrets out of every text that leaves. (Placeholder until the rules land.)"""
