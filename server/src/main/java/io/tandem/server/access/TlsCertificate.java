package io.tandem.server.access;

import io.tandem.server.config.TlsConfig;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.PemKeyCertOptions;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Map;
import javax.net.ssl.X509KeyManager;

/** The server's certificate, and the key that belongs to it. */
public final class TlsCertificate {
    private static final byte[] TEXT = {1, 2, 3};
    /** By the algorithms of keys. */
    private static final Map<String, String> SIGNATURES = Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA");

    private final PemKeyCertOptions pem;
    private final X509Certificate leaf;

    private TlsCertificate(PemKeyCertOptions pem, X509Certificate leaf) {
        this.pem = pem;
        this.leaf = leaf;
    }

    /**
     * Reads both files; waits for the disk.
     *
     * @throws IOException if there is no certificate or no key in them, or if the two do not belong together, as while one
     *     has been replaced and the other not yet
     */
    public static TlsCertificate read(Vertx vertx, TlsConfig config) throws IOException {
        byte[] certificate = Files.readAllBytes(config.certificate());
        byte[] key = Files.readAllBytes(config.key());
        PemKeyCertOptions pem =
                new PemKeyCertOptions().setCertValue(Buffer.buffer(certificate)).setKeyValue(Buffer.buffer(key));
        try {
            X509Certificate leaf = (X509Certificate)
                    CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(certificate));
            requirePair(leaf.getPublicKey(), privateKey(vertx, pem, leaf.getPublicKey()));
            return new TlsCertificate(pem, leaf);
        } catch (Exception e) { // Vert.x and the JDK have many types of them for what is no PEM
            throw new IOException(
                    config.certificate() + " and " + config.key()
                            + " are not a certificate and its key in PEM (tls.certificate, tls.key): "
                            + e.getMessage(),
                    e);
        }
    }

    private static PrivateKey privateKey(Vertx vertx, PemKeyCertOptions pem, PublicKey like) throws Exception {
        X509KeyManager keys = (X509KeyManager) pem.getKeyManagerFactory(vertx).getKeyManagers()[0];
        String[] names = keys.getServerAliases(like.getAlgorithm(), null);
        if (names == null || names.length == 0) {
            throw new IOException("keys for " + like.getAlgorithm() + " cannot be used");
        }
        return keys.getPrivateKey(names[0]);
    }

    private static void requirePair(PublicKey shown, PrivateKey secret) throws GeneralSecurityException, IOException {
        Signature signature = Signature.getInstance(SIGNATURES.getOrDefault(shown.getAlgorithm(), "EdDSA"));
        signature.initSign(secret);
        signature.update(TEXT);
        byte[] signed = signature.sign();
        signature.initVerify(shown);
        signature.update(TEXT);
        if (!signature.verify(signed)) {
            throw new IOException("the key is another certificate's");
        }
    }

    /** For Vert.x. */
    public PemKeyCertOptions pem() {
        return pem;
    }

    /** When it expires. */
    public Instant end() {
        return leaf.getNotAfter().toInstant();
    }

    /** Whether it comes of the same bytes. */
    boolean same(TlsCertificate other) {
        return pem.equals(other.pem);
    }

    @Override
    public String toString() {
        return "certificate of " + leaf.getSubjectX500Principal().getName() + ", valid until " + end();
    }
}
