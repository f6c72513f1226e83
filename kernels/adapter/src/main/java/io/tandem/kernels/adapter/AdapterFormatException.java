package io.tandem.kernels.adapter;

/** An adapter on disk is damaged, does not fit the model, or is of a kind that is not supported. */
public final class AdapterFormatException extends RuntimeException {
    public AdapterFormatException(String message) {
        super(message);
    }

    public AdapterFormatException(String message, Throwable cause) {
        super(message, cause);
    }
}
