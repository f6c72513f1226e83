package io.tandem.server.config;

/** A setting is unknown or wrong; the message is one line that names the key, what was found and what was expected. */
public final class ConfigException extends RuntimeException {
    public ConfigException(String message) {
        super(message);
    }

    ConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}
