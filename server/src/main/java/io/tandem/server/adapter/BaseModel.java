package io.tandem.server.adapter;

/**
 * The model that adapters change.
 *
 * @param name what clients call it
 * @param identity a hash of its files, wherever they lie
 */
public record BaseModel(String name, String identity) {}
