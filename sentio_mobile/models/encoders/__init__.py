"""Pretrained audio encoders: networks that have heard much music, behind one small protocol. One file an encoder."""
