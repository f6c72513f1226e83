package io.tandem.server.tenant;

/**
 * Who sends a request, and by what the server knows it.
 *
 * @param id of the key, {@code settings} for the settings' own, {@code token:SUBJECT}, or {@code anonymous} as long as
 *     there is no key
 */
public record Caller(Principal principal, String id) {
    /** Everybody as long as there is no key. */
    public static final Caller ANONYMOUS = new Caller(Principal.OPERATOR, "anonymous");
}
