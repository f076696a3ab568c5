"""The same question in FastAPI, SQLAlchemy and asyncpg, as their guides write it, with both caches on.

It reads the tables that the service under test has made, checks the same tokens with the same public keys, and answers the
same members. Verified claims and the state of accounts are kept in the process, as the founding document has it (300 s).
"""

import json
import os
import time
import urllib.request
from datetime import datetime
from uuid import UUID

import jwt
import orjson
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload
from sqlalchemy.dialects.postgresql import JSONB

KEPT = 300.0

engine = create_async_engine(os.environ["PEER_DATABASE_URL"], pool_size=25, max_overflow=50)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class Tenant(Base):
    __tablename__ = "brisk_tenants"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    status: Mapped[str]


class Permission(Base):
    __tablename__ = "identity_permissions"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    resource: Mapped[str]
    action: Mapped[str]


class RolePermission(Base):
    __tablename__ = "identity_role_permissions"
    role_id: Mapped[UUID] = mapped_column(ForeignKey("identity_roles.id"), primary_key=True)
    permission_id: Mapped[UUID] = mapped_column(ForeignKey("identity_permissions.id"), primary_key=True)


class Role(Base):
    __tablename__ = "identity_roles"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    permissions: Mapped[list[Permission]] = relationship(secondary="identity_role_permissions")


class UserRole(Base):
    __tablename__ = "identity_user_roles"
    user_id: Mapped[UUID] = mapped_column(ForeignKey("identity_users.id"), primary_key=True)
    role_id: Mapped[UUID] = mapped_column(ForeignKey("identity_roles.id"), primary_key=True)


class User(Base):
    __tablename__ = "identity_users"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("brisk_tenants.id"))
    email: Mapped[str]
    email_verified_at: Mapped[datetime | None]
    full_name: Mapped[str]
    status: Mapped[str]
    is_superuser: Mapped[bool]
    token_epoch: Mapped[int]
    locale: Mapped[str | None]
    user_metadata: Mapped[dict] = mapped_column("metadata", JSONB)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]
    tenant: Mapped[Tenant] = relationship()
    roles: Mapped[list[Role]] = relationship(secondary="identity_user_roles")


class LoginSession(Base):
    __tablename__ = "identity_sessions"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    revoked_at: Mapped[datetime | None]
    absolute_expires_at: Mapped[datetime]


def keys() -> dict:
    with urllib.request.urlopen(os.environ["PEER_JWKS_URL"]) as answer:
        found = json.load(answer)["keys"]
    return {key["kid"]: jwt.PyJWK(key) for key in found}


KEYS = keys()
claims_cache: dict[str, tuple[float, dict]] = {}
account_cache: dict[tuple[str, str], tuple[float, dict]] = {}
app = FastAPI()


def claims_of(token: str) -> dict:
    known = claims_cache.get(token)
    now = time.time()
    if known and known[0] > now:
        return known[1]
    try:
        kid = jwt.get_unverified_header(token)["kid"]
        claims = jwt.decode(
            token,
            KEYS[kid].key,
            algorithms=["ES256"],
            audience="brisk",
            options={"require": ["exp", "iat", "sub", "sid", "tenant_id", "ver"]},
        )
    except (jwt.PyJWTError, KeyError) as error:
        raise HTTPException(401, "invalid token") from error
    claims_cache[token] = (claims["exp"] - 30, claims)
    return claims


async def current(request: Request) -> dict:
    header = request.headers.get("authorization", "")
    if not header.startswith("Bearer "):
        raise HTTPException(401, "not authenticated")
    claims = claims_of(header[7:])
    key = (claims["sub"], claims["sid"])
    known = account_cache.get(key)
    now = time.time()
    if known and known[0] > now:
        account = known[1]
    else:
        account = await load(claims)
        account_cache[key] = (now + KEPT, account)
    if account["epoch"] != claims["ver"] or not account["body"]["is_active"]:
        raise HTTPException(401, "invalid token")
    return account["body"]


async def load(claims: dict) -> dict:
    async with sessions() as db:
        login = await db.get(LoginSession, UUID(claims["sid"]))
        if login is None or login.revoked_at is not None:
            raise HTTPException(401, "invalid token")
        query = (
            select(User)
            .where(User.id == UUID(claims["sub"]), User.tenant_id == claims["tenant_id"])
            .options(selectinload(User.tenant), selectinload(User.roles).selectinload(Role.permissions))
        )
        user = (await db.execute(query)).scalar_one_or_none()
        if user is None:
            raise HTTPException(401, "invalid token")
    permissions = {f"{p.resource}:{p.action}" for role in user.roles for p in role.permissions}
    body = {
        "id": str(user.id),
        "tenant_id": user.tenant_id,
        "email": user.email,
        "email_verified": user.email_verified_at is not None,
        "full_name": user.full_name,
        "is_active": user.status == "active",
        "is_superuser": user.is_superuser,
        "status": user.status,
        "locale": user.locale,
        "metadata": user.user_metadata,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "last_login_at": user.last_login_at,
        "roles": sorted(role.name for role in user.roles),
        "permissions": sorted(permissions),
        "tenant": {"id": user.tenant.id, "slug": user.tenant.slug, "name": user.tenant.name},
    }
    return {"epoch": user.token_epoch, "body": body}


@app.get("/health/ready")
async def ready() -> dict:
    return {"status": "ok"}


@app.get("/identity/users/me")
async def me(account: dict = Depends(current)) -> Response:
    return Response(orjson.dumps(account), media_type="application/json")
