package io.tandem.kernels;

/** The device failed in an iteration; what that iteration carried is lost, the model itself is not. */
public final class KernelException extends RuntimeException {
    public KernelException(String message, Throwable cause) {
        super(message, cause);
    }
}
