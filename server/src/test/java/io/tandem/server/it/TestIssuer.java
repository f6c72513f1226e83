package io.tandem.server.it;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** A service that signs tokens, with keys that it changes, written with the JDK alone. */
final class TestIssuer implements AutoCloseable {
    static final String NAME = "https://issuer.example";
    static final String AUDIENCE = "tandem";
    private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();
    private static final int COORDINATE_BYTES = 32;

    private final HttpServer server;
    private final Map<String, KeyPair> keys = new LinkedHashMap<>();
    private final AtomicInteger asked = new AtomicInteger();

    TestIssuer() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/jwks", exchange -> {
            asked.incrementAndGet();
            byte[] document = jwks().getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, document.length);
            exchange.getResponseBody().write(document);
            exchange.close();
        });
        server.start();
    }

    String address() {
        return "http://127.0.0.1:" + server.getAddress().getPort() + "/jwks";
    }

    /** How often its keys were asked for. */
    int asked() {
        return asked.get();
    }

    synchronized void addRsa(String id) throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        keys.put(id, generator.generateKeyPair());
    }

    synchronized void addEc(String id) throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        keys.put(id, generator.generateKeyPair());
    }

    /** Signs with it no longer known to others. */
    synchronized KeyPair remove(String id) {
        return keys.remove(id);
    }

    synchronized KeyPair key(String id) {
        return keys.get(id);
    }

    synchronized String jwks() {
        StringBuilder text = new StringBuilder();
        keys.forEach((id, pair) -> text.append(text.isEmpty() ? "" : ",").append(jwk(id, pair)));
        return "{\"keys\":[" + text + "]}";
    }

    private static String jwk(String id, KeyPair pair) {
        String start = "{\"kid\":\"" + id + "\",\"use\":\"sig\",";
        if (pair.getPublic() instanceof RSAPublicKey rsa) {
            return start + "\"kty\":\"RSA\",\"alg\":\"RS256\",\"n\":\"" + number(rsa.getModulus()) + "\",\"e\":\""
                    + number(rsa.getPublicExponent()) + "\"}";
        }
        ECPublicKey ec = (ECPublicKey) pair.getPublic();
        return start + "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\""
                + coordinate(ec.getW().getAffineX()) + "\",\"y\":\""
                + coordinate(ec.getW().getAffineY()) + "\"}";
    }

    private static String number(BigInteger number) {
        byte[] bytes = number.toByteArray();
        int sign = bytes[0] == 0 ? 1 : 0;
        return BASE64.encodeToString(Arrays.copyOfRange(bytes, sign, bytes.length));
    }

    private static String coordinate(BigInteger number) {
        byte[] bytes = number.toByteArray();
        byte[] fixed = new byte[COORDINATE_BYTES];
        int length = Math.min(COORDINATE_BYTES, bytes.length);
        System.arraycopy(bytes, bytes.length - length, fixed, COORDINATE_BYTES - length, length);
        return BASE64.encodeToString(fixed);
    }

    /** A token with these claims, signed by one of the keys. */
    String sign(String id, String claims) throws GeneralSecurityException {
        return sign(id, key(id), claims);
    }

    static String sign(String id, KeyPair pair, String claims) throws GeneralSecurityException {
        boolean rsa = pair.getPublic() instanceof RSAPublicKey;
        String text = unsigned(rsa ? "RS256" : "ES256", id, claims);
        Signature signature = Signature.getInstance(rsa ? "SHA256withRSA" : "SHA256withECDSAinP1363Format");
        signature.initSign(pair.getPrivate());
        signature.update(text.getBytes(StandardCharsets.US_ASCII));
        return text + "." + BASE64.encodeToString(signature.sign());
    }

    static String unsigned(String algorithm, String id, String claims) {
        String header = "{\"alg\":\"" + algorithm + "\",\"typ\":\"JWT\",\"kid\":\"" + id + "\"}";
        return base64(header) + "." + base64(claims);
    }

    static String base64(String text) {
        return BASE64.encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
